import numpy as np
import pytest
from matplotlib.text import Text

import viewers.figures
from viewers import draw_figures, draw_series_curves, draw_series_maps
from volcorr.fields import STRAIN, Status, valid_points
from volcorr.steps import select_step, stack_steps
from volio import InputError


def texts(figure):
    return "\n".join(text.get_text() for text in figure.findobj(Text))


@pytest.fixture
def make_series(make_fields):
    def make(count=3, *, chain=None, mode="auto", **options):
        def one(number):
            field = make_fields(strain=-0.01 * number, seed=number, **options)
            labels = {"step_name": ((), np.array(f"scan {number}", object)), "reference_step": 0}
            if chain:
                labels["reference_step"] = chain[number - 1]
            labels["press_force"] = ((), 0.5 * number**2, {"units": "mN"})
            return field.assign_coords(step=number, **labels).assign_attrs(series_reference=mode)

        return stack_steps(one(number) for number in range(1, count + 1))

    return make


def test_curves_are_medians_of_the_valid_points(make_series):
    series = make_series()
    strain, cc, share, sigma = draw_series_curves(series).axes
    for line, name in zip(strain.lines, STRAIN[:3], strict=False):
        np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3])
        expected = 100 * series[name].where(valid_points(series)).median(("z", "y", "x"))
        np.testing.assert_allclose(line.get_ydata(), expected)
    assert cc.lines[0].get_ydata()[0] == pytest.approx(
        float(np.median(series["cc"][0].values[valid_points(series)[0]]))
    )
    status = series["status"].to_numpy()
    expected = (status == 0).sum((1, 2, 3)) / (status[0] != Status.OUTSIDE_MASK).sum()
    np.testing.assert_allclose(share.lines[0].get_ydata(), 100 * expected)
    assert sigma.lines[2].get_ydata()[1] == pytest.approx(float(series["sigma_x"][1].median()))
    assert sigma.get_ylim()[0] == 0


def test_the_horizontal_axis_can_be_a_label(make_series):
    axes = draw_series_curves(make_series(), against="press_force").axes
    np.testing.assert_array_equal(axes[0].lines[0].get_xdata(), [0.5, 2.0, 4.5])
    assert axes[2].get_xlabel() == "press force (mN)"
    with pytest.raises(InputError, match="one of step, press_force, got 'load'"):
        draw_series_curves(make_series(), against="load")


def test_changes_of_the_reference_are_marked(make_series):
    def marks(series):
        lines = draw_series_curves(series).axes[2].lines[1:]
        return [line.get_xdata()[0] for line in lines]

    assert marks(make_series(4, chain=[0, 0, 2, 2])) == [2.5]
    assert marks(make_series(3)) == []
    previous = make_series(3, chain=[0, 1, 2], mode="previous")
    assert marks(previous) == []
    assert "each step against the one before, composed" in texts(draw_series_curves(previous))


def test_without_strain_the_displacement_is_drawn(make_series):
    series = make_series(with_strain=False, voxel_size=(0.5, 0.5, 0.5))
    axes = draw_series_curves(series).axes[0]
    assert axes.get_ylabel() == "displacement (µm)"
    assert axes.lines[0].get_ydata()[0] == pytest.approx(float(series["u_z"][0].median()))


def test_a_step_without_valid_points_leaves_a_gap(make_series):
    series = make_series()
    series["status"][1] = Status.LOW_CORRELATION
    line = draw_series_curves(series).axes[0].lines[0]
    assert np.isnan(line.get_ydata()).tolist() == [False, True, False]
    assert texts(draw_series_maps(series)).count("no valid point") == 1


@pytest.mark.parametrize("component", ["e_zz", "u_z", "u_x", "cc"])
def test_all_steps_have_one_colour_scale(make_series, volume, component):
    series = make_series(voxel_size=(0.5, 0.5, 0.5), origin=(10.0, -5.0, 0.0))
    figure = draw_series_maps(series, volume, component=component)
    maps = [axes.images[-1] for axes in figure.axes if len(axes.images) == 2]
    assert len(maps) == 3
    assert len({(image.norm.vmin, image.norm.vmax) for image in maps}) == 1
    factor = 100 if component == "e_zz" else 1
    section = np.asarray(maps[2].get_array())
    field = select_step(series, 3)
    shown = [np.abs(section - factor * field[component].isel(y=index).to_numpy()).max() for index in range(6)]
    assert np.nanmin(np.ma.filled(shown, np.nan).astype(float)) < 1e-9


@pytest.mark.parametrize("count", [1, 2, 5, 7, 30])
def test_any_number_of_steps_fits(make_series, count):
    figure = draw_series_maps(make_series(count), component="u_z")
    figure.canvas.draw()
    panels = [axes for axes in figure.axes if axes.get_title(loc="left").startswith("step")]
    assert len(panels) == min(count, 24)
    assert len(figure.axes) == len(panels) + 1
    width, height = figure.get_size_inches()
    assert width < 12
    assert height < 9
    assert panels[0].get_title(loc="left").startswith("step 1")
    assert panels[-1].get_title(loc="left").startswith(f"step {count}")
    assert panels[-1].get_xlabel() == "x (voxel)"


def test_captions_hold_a_label_where_there_is_room(make_series):
    assert "step 3: 4.5 mN" in texts(draw_series_maps(make_series()))
    assert "mN" not in texts(draw_series_maps(make_series(20, shape=(64, 24, 24), masked=False)))


def test_what_cannot_be_drawn_is_refused(make_series, fields):
    for draw in (draw_series_curves, draw_series_maps):
        with pytest.raises(InputError, match="has no steps"):
            draw(fields)
    with pytest.raises(InputError, match=r"no component 'e_zz'; compute strain first"):
        draw_series_maps(make_series(with_strain=False))
    with pytest.raises(InputError, match="no component 'status'"):
        draw_series_maps(make_series(), component="status")


def test_all_figures_of_a_series(make_series, tmp_path, monkeypatch):
    names = []

    def save(figure, path):
        assert path.parent.is_dir()
        names.append(path.relative_to(tmp_path).as_posix())
        return path

    monkeypatch.setattr(viewers.figures, "save_figure", save)
    paths = draw_figures(make_series(2, masked=False), None, tmp_path)
    assert len(paths) == len(names)
    together = ["curves", "e_zz", "u_z", "cc", "u_z_without_rigid_motion"]
    assert names[:5] == [f"series_{name}.png" for name in together]
    assert names[5:7] == ["step_0001/strain_e_zz.png", "step_0001/strain_components.png"]
    assert "step_0002/correlation.png" in names


def test_a_step_that_is_lost_has_no_rigid_motion_to_remove(make_series, tmp_path, unsaved, caplog):
    series = make_series(2, with_strain=False)
    series["status"][1] = Status.LOW_CORRELATION
    draw_figures(series, None, tmp_path)
    assert unsaved[:3] == ["series_curves.png", "series_u_z.png", "series_cc.png"]
    assert "series_u_z_without_rigid_motion.png" not in unsaved
    assert "no series without rigid motion" in caplog.text


@pytest.fixture
def unsaved(monkeypatch):
    """Names of the figures that would be written, without drawing their pixels."""
    names = []
    monkeypatch.setattr(viewers.figures, "save_figure", lambda figure, path: names.append(path.name) or path)
    return names
