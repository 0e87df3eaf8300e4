import numpy as np
import pytest
from matplotlib.quiver import Quiver, QuiverKey

from viewers import draw_displacement_arrows
from viewers.sections import cut_sections


def quivers(figure):
    return [child for axes in figure.axes for child in axes.get_children() if isinstance(child, Quiver)]


def key(figure):
    return next(child for axes in figure.axes for child in axes.get_children() if isinstance(child, QuiverKey))


def test_arrows_start_at_their_points_and_show_the_components_in_the_plane(fields, volume):
    found = quivers(draw_displacement_arrows(fields, volume))
    for section, arrows in zip(cut_sections(fields).planes, found, strict=True):
        plane = fields.isel({section.normal: section.index})
        seen = np.isfinite(section.cut(fields["u_z"]))
        assert seen.sum() == arrows.N
        for x, y, u, v, length in zip(arrows.X, arrows.Y, arrows.U, arrows.V, arrows.get_array(), strict=True):
            point = plane.sel({section.horizontal: x, section.vertical: y})
            assert u == float(point[f"u_{section.horizontal}"])
            assert v == float(point[f"u_{section.vertical}"])
            assert length == pytest.approx(np.sqrt(sum(float(point[f"u_{a}"]) ** 2 for a in "zyx")))


@pytest.mark.parametrize("shift", [0.0, 3.0, 300.0])
def test_long_arrows_reach_about_one_spacing_and_the_key_states_the_magnification(make_fields, shift):
    figure = draw_displacement_arrows(make_fields(shift=(shift, 0.0, 0.0)))
    arrows, legend = quivers(figure)[0], key(figure)
    factor = 1 / arrows.scale
    drawn = np.percentile(np.hypot(arrows.U, arrows.V), 95) * factor
    assert 0.2 * 8 < drawn < 2 * 8
    assert legend.text.get_text() == f"{legend.U:g} voxel, drawn × {factor:g}"
    assert arrows.angles == arrows.scale_units == "xy"


def test_dense_grids_are_thinned_evenly(make_fields):
    figure = draw_displacement_arrows(make_fields((120, 120, 120), spacing=2, subset=9))
    x = np.unique(quivers(figure)[0].X)
    assert 15 <= x.size <= 21
    assert len(np.unique(np.diff(x))) == 1


def test_a_field_without_motion_can_be_drawn(make_fields):
    fields = make_fields(masked=False)
    still = fields.assign({name: fields[name] * 0 for name in ("u_z", "u_y", "u_x")})
    assert len(quivers(draw_displacement_arrows(still))) == 3
