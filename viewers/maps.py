"""Maps of strain, displacement, correlation and status over sections through the specimen."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.patches import Patch

from viewers.layout import lay_out_grid, lay_out_sections, paint
from viewers.scales import Scale, displacement_scale, sequential_scale, strain_scale
from viewers.sections import cut_sections
from viewers.style import (
    ALPHA,
    STATUS_COLOURS,
    add_colour_bar,
    describe_fields,
    group_digits,
    styled,
    symbol,
    unit_label,
)
from volcorr.fields import DISPLACEMENT, STRAIN, Status, valid_points
from volio.errors import InputError

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from viewers.sections import Sections
    from volio import Volume

__all__ = ["draw_correlation", "draw_displacement", "draw_status", "draw_strain", "draw_strain_components"]

_WHERE = {"e_zz": "axial strain", "e_yy": "lateral strain", "e_xx": "lateral strain"}


@styled
def draw_strain(
    fields: "xr.Dataset",
    reference: "Volume | Sections | None" = None,
    *,
    component: str = "e_zz",
    title: str | None = None,
) -> "Figure":
    """Draw a strain component over three sections through the specimen.

    The scale is symmetric about zero, in percent or, below 0.1 %, in microstrain (1e-6). Invalid points are
    transparent.

    Parameters
    ----------
    fields : xarray.Dataset
        A field with strain.
    reference : Volume or Sections, optional
        The volume that it was measured on, drawn in grey behind it.
    component : str
        One of "e_zz", "e_yy", "e_xx", "e_zy", "e_zx", "e_yx".
    title : str, optional
        Head of the figure.

    Raises
    ------
    InputError
        If the field has no such strain component, or the reference does not belong to it.
    """
    values = _strain(fields, component)
    label = f"{symbol(component)}, negative: compression" if component in _WHERE else symbol(component)
    kind = _WHERE.get(component, "shear strain").capitalize()
    title = title or f"{kind} {symbol(component)}"
    return _draw_map(fields, reference, values, strain_scale(values), (title, label), strain=True)


@styled
def draw_strain_components(
    fields: "xr.Dataset", reference: "Volume | Sections | None" = None, *, title: str = "Strain components"
) -> "Figure":
    """Draw all six strain components over the upright section zx: normal strains above, shear strains below.

    Each row has one scale, symmetric about zero.

    Parameters
    ----------
    fields : xarray.Dataset
        A field with strain.
    reference : Volume or Sections, optional
        The volume that it was measured on, drawn in grey behind it.
    title : str
        Head of the figure.

    Raises
    ------
    InputError
        If the field has no strain, or the reference does not belong to it.
    """
    values = {name: _strain(fields, name) for name in STRAIN}
    rows = (STRAIN[:3], STRAIN[3:])
    sections = cut_sections(fields, reference)
    section = sections.planes[0]
    place = f"tensor shear  ·  section {section.normal} = {section.position:.4g} {sections.length_label}"
    notes = [*describe_fields(fields, strain=True), place]
    captions = [[symbol(name) for name in row] for row in rows]
    page = lay_out_grid(sections, section, captions, title=title, notes=notes)
    panels = iter(page.panels)
    for row, bar, label in zip(rows, page.bars, ("normal strain", "shear strain"), strict=True):
        scale = strain_scale(*(values[name] for name in row))
        for name in row:
            paint(next(panels), section, section.cut(values[name]), scale)
        add_colour_bar(bar, scale, label, alpha=ALPHA)
    return page.figure


@styled
def draw_displacement(
    fields: "xr.Dataset",
    reference: "Volume | Sections | None" = None,
    *,
    component: str = "u_z",
    title: str | None = None,
) -> "Figure":
    """Draw a displacement component over three sections through the specimen.

    The scale is symmetric about zero; where all displacements lie far to one side of zero it is sequential.

    Parameters
    ----------
    fields : xarray.Dataset
        A displacement field.
    reference : Volume or Sections, optional
        The volume that it was measured on, drawn in grey behind it.
    component : str
        "u_z", "u_y" or "u_x".
    title : str, optional
        Head of the figure, for example that the rigid motion was removed.

    Raises
    ------
    InputError
        If there is no such component, or the reference does not belong to the field.
    """
    if component not in DISPLACEMENT:
        raise InputError(f"component must be one of {', '.join(DISPLACEMENT)}, got {component!r}")
    values = _valid(fields, component)
    scale = displacement_scale(values, unit=unit_label(fields.attrs["unit"]))
    return _draw_map(
        fields, reference, values, scale, (title or f"Displacement {symbol(component)}", symbol(component))
    )


@styled
def draw_correlation(
    fields: "xr.Dataset",
    reference: "Volume | Sections | None" = None,
    *,
    title: str = "Correlation coefficient",
) -> "Figure":
    """Draw the zero-normalised cross-correlation (ZNCC) of the valid points over three sections.

    Parameters
    ----------
    fields : xarray.Dataset
        A displacement field.
    reference : Volume or Sections, optional
        The volume that it was measured on, drawn in grey behind it.
    title : str
        Head of the figure.

    Raises
    ------
    InputError
        If the reference does not belong to the field.
    """
    values = _valid(fields, "cc")
    return _draw_map(fields, reference, values, sequential_scale(values), (title, "ZNCC"))


@styled
def draw_status(
    fields: "xr.Dataset", reference: "Volume | Sections | None" = None, *, title: str = "Status of the points"
) -> "Figure":
    """Draw which points are valid over three sections, and why the others are not.

    The legend counts the points of the whole field.

    Parameters
    ----------
    fields : xarray.Dataset
        A displacement field.
    reference : Volume or Sections, optional
        The volume that it was measured on, drawn in grey behind it.
    title : str
        Head of the figure.

    Raises
    ------
    InputError
        If the reference does not belong to the field.
    """
    sections = cut_sections(fields, reference)
    page = lay_out_sections(sections, title=title, notes=describe_fields(fields), side=2.3)
    cmap = ListedColormap([STATUS_COLOURS[status] for status in Status])
    norm = BoundaryNorm(np.arange(len(Status) + 1) - 0.5, len(Status))
    for axes, section in zip(page.panels, sections.planes, strict=True):
        axes.imshow(
            section.cut(fields["status"]),
            cmap=cmap,
            norm=norm,
            extent=section.patches,
            origin="lower",
            interpolation="nearest",
            aspect="auto",
            alpha=ALPHA,
            zorder=2,
        )
        axes.set_xlim(*section.window[:2])
        axes.set_ylim(*section.window[2:])
    counts = np.bincount(fields["status"].to_numpy().ravel(), minlength=len(Status))
    entries = [
        Patch(
            facecolor=STATUS_COLOURS[s],
            alpha=ALPHA,
            label=f"{s.name.lower().replace('_', ' ')}\n{_share(counts, s)}",
        )
        for s in Status
        if counts[s]
    ]
    corner = page.panels[-1].get_position()
    gap = 0.2 / page.figure.get_figwidth()
    page.figure.legend(
        handles=entries,
        loc="upper left",
        bbox_to_anchor=(corner.x1 + gap, corner.y1),
        borderaxespad=0,
        handlelength=1.1,
        handleheight=1.1,
        labelspacing=0.7,
    )
    return page.figure


def _share(counts: "NDArray[Any]", status: Status) -> str:
    return f"{group_digits(counts[status])} points, {100 * counts[status] / counts.sum():.1f} %"


def _valid(fields: "xr.Dataset", name: str) -> "xr.DataArray":
    """Return a variable with NaN at all points that are not valid."""
    cut_sections(fields)
    return fields[name].where(valid_points(fields))


def _strain(fields: "xr.Dataset", component: str) -> "xr.DataArray":
    if component not in STRAIN:
        raise InputError(f"component must be one of {', '.join(STRAIN)}, got {component!r}")
    if component not in fields:
        raise InputError(f"the field has no strain {component}; compute it first with volcorr.strain(field)")
    return _valid(fields, component)


def _draw_map(
    fields: "xr.Dataset",
    reference: "Volume | Sections | None",
    values: "xr.DataArray",
    scale: Scale,
    texts: tuple[str, str],
    *,
    strain: bool = False,
) -> "Figure":
    """Draw `values` over the three sections; `texts` are the title and the label of the colour bar."""
    sections = cut_sections(fields, reference)
    page = lay_out_sections(sections, title=texts[0], notes=describe_fields(fields, strain=strain))
    for axes, section in zip(page.panels, sections.planes, strict=True):
        paint(axes, section, section.cut(values), scale)
    add_colour_bar(page.bars[0], scale, texts[1], alpha=ALPHA)
    return page.figure
