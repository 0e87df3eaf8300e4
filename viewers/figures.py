"""All figures of a field or a series, written into a folder."""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from viewers.arrows import draw_displacement_arrows
from viewers.maps import draw_correlation, draw_displacement, draw_status, draw_strain, draw_strain_components
from viewers.profiles import draw_correlation_histogram, draw_strain_profile
from viewers.sections import Sections, cut_sections
from viewers.steps import draw_series_curves, draw_series_maps
from viewers.style import make_folder, save_figure, symbol
from volcorr.fields import DISPLACEMENT, STRAIN, is_series, valid_points
from volcorr.rigid import remove_rigid_motion, remove_rigid_motions
from volcorr.steps import each_step
from volio.errors import InputError
from volio.progress import Progress

if TYPE_CHECKING:
    import xarray as xr

    from volio import Volume

__all__ = ["draw_figures"]

_logger = logging.getLogger(__name__)

Drawing = Callable[[], Figure]


def draw_figures(fields: "xr.Dataset", reference: "Volume | None", folder: str | Path) -> list[Path]:
    """Draw all figures that a field or a series allows, and write them as PNG files of 150 dots per inch.

    ============================================== =====================================================
    File (``.png``)                                Shows
    ============================================== =====================================================
    ``strain_e_zz``                                axial strain over three sections
    ``strain_components``                          the six components over the upright section zx
    ``strain_profile``                             mean normal strains along z, and the spread of e_zz
    ``displacement_arrows``                        displacement in three sections
    ``displacement_u_z``, ``_u_y``, ``_u_x``       one displacement component over three sections
    ``displacement_arrows_without_rigid_motion``   displacement, rotation and translation removed
    ``displacement_u_z_without_rigid_motion``      axial displacement, rotation and translation removed
    ``correlation``                                correlation coefficient over three sections
    ``correlation_histogram``                      its distribution over all points
    ``status``                                     why points are invalid
    ============================================== =====================================================

    For a series these stand in one folder a step, ``step_0001`` and so on, and before them come

    ============================================== =====================================================
    ``series_curves``                              strain, correlation, valid points, uncertainty by step
    ``series_e_zz``, ``series_u_z``, ``series_cc`` one section at every step, on one colour scale
    ``series_u_z_without_rigid_motion``            the same, rotation and translation of each step removed
    ============================================== =====================================================

    Strain figures need a field with strain; ``status`` is drawn where a point is invalid; those without rigid
    motion where enough points are valid to tell it. Figures of these names are replaced, other files stay.

    Parameters
    ----------
    fields : xarray.Dataset
        Displacement or strain field with dimensions (z, y, x), or a series with (step, z, y, x).
    reference : Volume or None
        The (z, y, x) volume that it was measured on (the first of a series); only three slices of it are read. None
        draws none.
    folder : str or Path
        Where to write; made when missing.

    Returns
    -------
    list of Path
        The files, in the order of the table.

    Raises
    ------
    InputError
        If the dataset is not a field, or the reference does not belong to it.
    OutputError
        If the folder cannot be written to.
    """
    folder = Path(folder)
    drawings: dict[str, Drawing] = {}
    if is_series(fields):
        steps = list(each_step(fields))
        sections = cut_sections(steps[0], reference)
        drawings = _series_drawings(fields, sections)
        for step in steps:
            own = _drawings(step, sections)
            drawings |= {f"step_{int(step['step']):04d}/{name}": draw for name, draw in own.items()}
    else:
        drawings = _drawings(fields, cut_sections(fields, reference))
    make_folder(folder)
    paths = []
    with Progress(len(drawings), unit="figures", label="drawing") as progress:
        for name, draw in drawings.items():
            path = folder / f"{name}.png"
            make_folder(path.parent)
            paths.append(save_figure(draw(), path))
            progress.update()
    return paths


def _series_drawings(series: "xr.Dataset", sections: Sections) -> dict[str, Drawing]:
    """Return what to draw of all steps together, by file name."""
    drawings: dict[str, Drawing] = {"series_curves": partial(draw_series_curves, series)}
    for name in ("e_zz", "u_z", "cc"):
        if name in series:
            drawings[f"series_{name}"] = partial(draw_series_maps, series, sections, component=name)
    try:
        still, _ = remove_rigid_motions(series)
    except InputError as error:
        _logger.info("no series without rigid motion: %s", error)
        return drawings
    title = f"{symbol('u_z')} at every step, rigid motion removed"
    drawings["series_u_z_without_rigid_motion"] = partial(
        draw_series_maps, still, sections, component="u_z", title=title
    )
    return drawings


def _drawings(fields: "xr.Dataset", sections: Sections) -> dict[str, Drawing]:
    """Return what to draw, by file name, in order."""
    drawings: dict[str, Drawing] = {}
    if all(name in fields for name in STRAIN):
        drawings["strain_e_zz"] = partial(draw_strain, fields, sections)
        drawings["strain_components"] = partial(draw_strain_components, fields, sections)
        drawings["strain_profile"] = partial(draw_strain_profile, fields)
    drawings["displacement_arrows"] = partial(draw_displacement_arrows, fields, sections)
    for name in DISPLACEMENT:
        drawings[f"displacement_{name}"] = partial(draw_displacement, fields, sections, component=name)
    drawings |= _without_rigid_motion(fields, sections)
    drawings["correlation"] = partial(draw_correlation, fields, sections)
    drawings["correlation_histogram"] = partial(draw_correlation_histogram, fields)
    if not valid_points(fields).all():
        drawings["status"] = partial(draw_status, fields, sections)
    return drawings


def _without_rigid_motion(fields: "xr.Dataset", sections: Sections) -> dict[str, Drawing]:
    try:
        still, motion = remove_rigid_motion(fields)
    except InputError as error:
        _logger.info("no figure without rigid motion: %s", error)
        return {}
    what = f"rigid motion removed (rotation {motion.angle:.3g}°)"
    arrows = partial(draw_displacement_arrows, still, sections, title=f"Displacement, {what}")
    axial = partial(draw_displacement, still, sections, component="u_z", title=f"Displacement {symbol('u_z')}, {what}")
    return {
        "displacement_arrows_without_rigid_motion": arrows,
        "displacement_u_z_without_rigid_motion": axial,
    }
