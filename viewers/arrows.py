"""Displacement as arrows over sections through the specimen."""

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from viewers.layout import lay_out_sections, tell_no_valid_point
from viewers.scales import Scale, arrow_scale, round_down
from viewers.sections import Section, Sections, cut_sections
from viewers.style import DPI, INK, add_colour_bar, describe_fields, styled, unit_label
from volcorr.fields import displacement_array, spacing_of, valid_points

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.quiver import Quiver

    from volio import Volume

__all__ = ["draw_displacement_arrows"]

_MOST: Final = 20  # arrows along an edge


@styled
def draw_displacement_arrows(
    fields: "xr.Dataset", reference: "Volume | Sections | None" = None, *, title: str = "Displacement"
) -> "Figure":
    """Draw the displacement in the plane of three sections as arrows; their colour is the length in space.

    An arrow starts at the point's position in the reference. All arrows are magnified by the same round
    factor, which the key states; where the grid is dense, every second (third ...) point is drawn.

    Parameters
    ----------
    fields : xarray.Dataset
        A displacement field; hand in the first result of `volcorr.remove_rigid_motion` to see the
        deformation alone.
    reference : Volume or Sections, optional
        The volume that it was measured on, drawn in light grey behind the arrows.
    title : str
        Head of the figure, for example that the rigid motion was removed.

    Raises
    ------
    InputError
        If the reference does not belong to the field.
    """
    sections = cut_sections(fields, reference)
    low, high = sections.grey_limits
    pale = replace(sections, grey_limits=(2 * low - high, high))
    page = lay_out_sections(pale, title=title, notes=describe_fields(fields))
    magnitude = fields["u_z"].copy(data=np.linalg.norm(displacement_array(fields), axis=0))
    magnitude = magnitude.where(valid_points(fields))
    unit = unit_label(fields.attrs["unit"])
    scale = arrow_scale(magnitude, unit=unit)
    steps = _steps(fields)
    factor = _magnify(fields, sections, steps)
    key = None
    for axes, section in zip(page.panels, sections.planes, strict=True):
        arrows = _draw_arrows(axes, section, fields, magnitude, (steps, factor, scale))
        key = key or arrows
    if key is not None:
        width, height = page.figure.get_size_inches()
        inch = sections.planes[0].width * DPI / page.panels[0].bbox.width
        length = round_down(0.5 * inch / factor)
        text = f"{length:g} {unit}, drawn × {factor:g}"
        page.panels[0].quiverkey(
            key, width - 0.75, height - 0.26, length, text, coordinates="inches", labelpos="W", color=INK,
            fontproperties={"size": 8.5}, labelsep=0.1,
        )  # fmt: skip
    add_colour_bar(page.bars[0], scale, "|u|")
    return page.figure


def _draw_arrows(
    axes: "Axes",
    section: Section,
    fields: "xr.Dataset",
    magnitude: "xr.DataArray",
    how: "tuple[dict[str, int], float, Scale]",
) -> "Quiver | None":
    """Draw the arrows of one section with `how`: steps along the axes, magnification, colours."""
    steps, factor, scale = how
    rows, columns = (
        slice(min(steps[axis], fields.sizes[axis]) // 2, None, steps[axis])
        for axis in (section.vertical, section.horizontal)
    )
    up, across = (section.cut(fields[f"u_{axis}"])[rows, columns] for axis in section.name)
    length = section.cut(magnitude)[rows, columns]
    seen = np.isfinite(length)
    if not seen.any():
        tell_no_valid_point(axes)
        return None
    y, x = np.meshgrid(fields[section.vertical][rows], fields[section.horizontal][columns], indexing="ij")
    return axes.quiver(
        x[seen], y[seen], across[seen], up[seen], length[seen], cmap=scale.cmap, norm=scale.norm,
        angles="xy", scale_units="xy", scale=1 / factor, units="inches",
        width=0.02, headwidth=3.6, headlength=4.2, headaxislength=3.8, minlength=0.5, zorder=3,
    )  # fmt: skip


def _steps(fields: "xr.Dataset") -> dict[str, int]:
    """Return how many points apart the arrows stand along each axis: as even in space as the grid allows."""
    spacing = dict(zip("zyx", spacing_of(fields), strict=True))
    apart = max(fields.sizes[axis] * spacing[axis] for axis in "zyx") / _MOST
    return {axis: max(1, round(apart / spacing[axis])) for axis in "zyx"}


def _magnify(fields: "xr.Dataset", sections: Sections, steps: dict[str, int]) -> float:
    """Return the round factor at which long arrows reach a little beyond their neighbours."""
    lengths = []
    for section in sections.planes:
        up, across = (section.cut(fields[f"u_{axis}"]) for axis in section.name)
        lengths.append(np.hypot(up, across).ravel())
    all_lengths = np.concatenate(lengths)
    all_lengths = all_lengths[np.isfinite(all_lengths)]
    long = float(np.percentile(all_lengths, 95)) if all_lengths.size else 0.0
    if long <= 0:
        return 1.0
    apart = min(steps[axis] * s for axis, s in zip("zyx", spacing_of(fields), strict=True))
    return round_down(1.6 * apart / long)
