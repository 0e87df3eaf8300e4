import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.text import Text

from viewers import (
    draw_correlation,
    draw_correlation_histogram,
    draw_displacement,
    draw_displacement_arrows,
    draw_status,
    draw_strain,
    draw_strain_components,
    draw_strain_profile,
)
from viewers.sections import cut_sections
from volcorr.fields import STRAIN, Status
from volio import InputError

DRAWN = [draw_strain, draw_strain_components, draw_status, draw_displacement_arrows]
ALL = [*DRAWN, draw_displacement, draw_correlation]
CHARTS = [draw_correlation_histogram, draw_strain_profile]


def overlays(figure):
    """The maps over the reference, panel by panel."""
    return [axes.images[-1].get_array() for axes in figure.axes if axes.images]


def texts(figure):
    """What is written on a figure."""
    return [text.get_text() for text in figure.findobj(Text) if text.get_visible() and text.get_text()]


def boxes(figure):
    """The places of all texts that are drawn, in pixels."""
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    found = []
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text().strip():
            box = text.get_window_extent(renderer)
            if box.width > 1 and getattr(text.axes, "axison", True):
                found.append((text.get_text(), box))
    ticks = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            slack = 1e-6 * (high - low)
            shown = {id(t.label1) for t in axis.get_major_ticks() if low - slack <= t.get_loc() <= high + slack}
            shown |= {id(t.label2) for t in axis.get_major_ticks() if low - slack <= t.get_loc() <= high + slack}
            ticks |= {id(lab) for t in axis.get_major_ticks() for lab in (t.label1, t.label2)} - shown
    hidden = {text.get_text() for text in figure.findobj(Text) if id(text) in ticks}
    return [(text, box) for text, box in found if text not in hidden]


@pytest.mark.parametrize("shape", [(200, 56, 56), (21, 100, 100), (64, 40, 160)])
@pytest.mark.parametrize("draw", [*DRAWN, *CHARTS])
def test_no_text_overlaps_another_or_leaves_the_figure(make_fields, shape, draw):
    fields = make_fields(shape, voxel_size=(12.5, 12.5, 12.5), origin=(1000.0, 0.0, -2000.0))
    long = "specimen_LFP_cathode_in_situ_compression_step_000_reconstructed"
    figure = draw(fields.assign_attrs(reference=long, deformed=long))
    placed = boxes(figure)
    page = figure.bbox
    for text, box in placed:
        inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= page.x1 + 1 and box.y1 <= page.y1 + 1
        assert inside, f"{text!r} leaves the figure"
    for number, (text, box) in enumerate(placed):
        for other, second in placed[number + 1 :]:
            overlap = min(box.x1, second.x1) - max(box.x0, second.x0), min(box.y1, second.y1) - max(box.y0, second.y0)
            assert min(overlap) < 2, f"{text!r} and {other!r} overlap"


def test_strain_is_shown_in_percent_at_its_points(fields, volume):
    figure = draw_strain(fields, volume)
    for section, shown in zip(cut_sections(fields).planes, overlays(figure), strict=True):
        expected = 100 * section.cut(fields["e_zz"])
        np.testing.assert_allclose(shown.filled(np.nan), expected)
        assert shown.mask[np.isnan(expected)].all()
    image = figure.axes[0].images[-1]
    assert image.norm.vmin == -image.norm.vmax
    assert figure.axes[-1].get_ylabel().endswith("negative: compression (%)")


def test_small_strain_is_shown_in_microstrain(make_fields):
    figure = draw_strain(make_fields(strain=-2e-4), component="e_zx")
    assert figure.axes[-1].get_ylabel().endswith("(µε)")


def test_the_reference_is_drawn_below_the_map_in_physical_coordinates(fields, volume):
    for axes, section in zip(draw_strain(fields, volume).axes, cut_sections(fields, volume).planes, strict=False):
        grey, shown = axes.images
        assert grey.zorder < shown.zorder
        assert tuple(grey.get_extent()) == section.grey_extent
        assert tuple(shown.get_extent()) == section.patches
        assert grey.origin == shown.origin == "lower"
        assert (*axes.get_xlim(), *axes.get_ylim()) == section.window
        (width, height), window = axes.bbox.size, section.window
        assert width / (window[1] - window[0]) == pytest.approx(height / (window[3] - window[2]))


def test_a_line_surrounds_the_valid_points(make_fields):
    fields = make_fields(masked=False)
    status = fields["status"].copy()
    sections = cut_sections(fields)
    status[{section.normal: section.index for section in sections.planes}] = Status.BAD_VOXELS
    figure = draw_strain(fields.assign(status=status), sections)
    lines = next(child for child in figure.axes[0].get_children() if isinstance(child, LineCollection))
    rows, columns = overlays(figure)[0].shape
    assert len(lines.get_segments()) == 2 * (rows + columns) + 4


def test_all_components_share_one_scale_a_row(fields, volume):
    figure = draw_strain_components(fields, volume)
    section = cut_sections(fields).planes[0]
    for name, shown in zip(STRAIN, overlays(figure), strict=False):
        np.testing.assert_allclose(shown.filled(np.nan), 100 * section.cut(fields[name]))
    limits = [axes.images[-1].norm.vmax for axes in figure.axes[:6]]
    assert len(set(limits[:3])) == len(set(limits[3:])) == 1
    assert limits[0] > 2 * limits[3]


def test_displacement_far_from_zero_gets_a_sequential_scale(make_fields):
    near, far = make_fields(), make_fields(shift=(40.0, 0.0, 0.0))
    assert draw_displacement(near).axes[0].images[-1].cmap.name == "RdBu_r"
    image = draw_displacement(far).axes[0].images[-1]
    assert image.cmap.name == "viridis"
    assert 39 < image.norm.vmin < image.norm.vmax < 41


def test_correlation_hides_points_that_are_not_valid(fields):
    for section, shown in zip(cut_sections(fields).planes, overlays(draw_correlation(fields)), strict=True):
        valid = section.cut(fields["status"]) == Status.VALID
        np.testing.assert_array_equal(~shown.mask, valid)
        np.testing.assert_array_equal(shown[valid], section.cut(fields["cc"])[valid])


def test_the_legend_of_the_status_counts_all_points(fields):
    figure = draw_status(fields)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    counts = np.bincount(fields["status"].to_numpy().ravel())
    present = [status for status in Status if status < counts.size and counts[status]]
    assert len(labels) == len(present) > 2
    for label, status in zip(labels, present, strict=True):
        name, share = label.split("\n")
        assert name == status.name.lower().replace("_", " ")
        assert share == f"{counts[status]} points, {100 * counts[status] / counts.sum():.1f} %"


def test_a_scale_bar_needs_a_known_voxel_size(make_fields):
    known, unknown = make_fields(voxel_size=(0.25, 0.25, 0.25)), make_fields()
    assert "2 µm" in texts(draw_strain(known))
    assert not any(text.endswith("µm") for text in texts(draw_strain(unknown)))
    figure = draw_strain(known)
    bar = next(
        patch
        for axes in figure.axes
        for patch in axes.patches
        if patch.get_facecolor() == (1.0, 1.0, 1.0, 1.0) and patch.zorder == 7
    )
    assert bar.get_width() == pytest.approx(2.0)


@pytest.mark.parametrize("draw", ALL)
def test_fields_without_a_valid_point_say_so(nothing_valid, draw):
    figure = draw(nothing_valid)
    if draw is not draw_status:
        panels = 6 if draw is draw_strain_components else 3
        assert texts(figure).count("no valid point") == panels
        assert all(not axes.axison for axes in figure.axes[panels:])


def test_the_title_is_the_callers(fields):
    assert "rigid motion removed" in texts(draw_displacement(fields, title="rigid motion removed"))
    assert "Shear strain $\\varepsilon_{zx}$" in texts(draw_strain(fields, component="e_zx"))


@pytest.mark.parametrize(
    ("draw", "options", "message"),
    [
        (draw_strain, {"component": "e_rr"}, "one of e_zz, .* got 'e_rr'"),
        (draw_displacement, {"component": "u_r"}, "one of u_z, u_y, u_x, got 'u_r'"),
        (draw_strain, {}, r"no strain e_zz; compute it first with volcorr\.strain"),
        (draw_strain_components, {}, "no strain e_zz"),
    ],
)
def test_a_component_that_is_not_there_is_refused(make_fields, draw, options, message):
    with pytest.raises(InputError, match=message):
        draw(make_fields(with_strain=False), **options)


def test_settings_of_the_user_neither_change_nor_matter(fields, tmp_path):
    with mpl.rc_context({"font.size": 30.0, "image.origin": "upper", "axes.grid": True}):
        before = dict(mpl.rcParams)
        figure = draw_strain(fields)
        assert dict(mpl.rcParams) == before
    assert figure.get_size_inches() == pytest.approx(draw_strain(fields).get_size_inches())
    assert figure.axes[0].xaxis.label.get_size() == 9.0
