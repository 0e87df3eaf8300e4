"""A demonstration with known truth: a virtual pillar is compressed, measured, and held against its motion."""

import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from volcorr.dvc import Draw, DvcSettings, run_dvc
from volcorr.result import check_target
from volio import OutputError

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from acquisition import Motion
    from volcorr.summary import DvcSummary

__all__ = [
    "Comparison",
    "DemoResult",
    "compare_fields",
    "format_comparison",
    "make_pair",
    "run_demo",
    "true_fields",
]

SHAPE: Final = (128, 96, 96)
VOXEL_SIZE: Final = 0.128  # um
RADIUS: Final = 38.0  # voxels
SUBSET: Final = 21
SPACING: Final = 8
WINDOW: Final = 3
REACH: Final = SUBSET + SPACING * (WINDOW - 1)  # voxels that one strain value sees
REFERENCE: Final = "reference.tif"
DEFORMED: Final = "deformed.tif"
MASK: Final = "mask.tif"
RESULT: Final = "result"
_SEED: Final = 2024
_CENTRE: Final = (63.5, 47.5, 47.5)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Comparison:
    """One quantity, measured against true, over the valid points.

    Attributes
    ----------
    name, unit : str
        Variable of the fields, and its unit.
    true, measured : tuple of float
        Lowest and highest value.
    bias, rms : float
        Mean and root mean square of measured minus true.
    """

    name: str
    unit: str
    true: tuple[float, float]
    measured: tuple[float, float]
    bias: float
    rms: float


@dataclass(frozen=True)
class DemoResult:
    """What the demonstration gave.

    Attributes
    ----------
    summary : DvcSummary
        Summary of the run.
    comparisons : tuple of Comparison
        Displacement and strain components.
    profile : tuple of (float, float, float)
        Height z (um), true and measured e_zz, averaged over the points of that height.
    """

    summary: "DvcSummary"
    comparisons: tuple[Comparison, ...]
    profile: tuple[tuple[float, float, float], ...]


def run_demo(
    output: Path, *, threads: int | None = None, overwrite: bool = False, draw: Draw | None = None
) -> DemoResult:
    """Make a pair of volumes with a known displacement, correlate it, and compare.

    Parameters
    ----------
    output : Path
        Folder to make: the two volumes, the mask, and ``result`` of `volcorr.dvc.run_dvc`.
    threads : int, optional
        Threads; all cores where it is not given.
    overwrite : bool
        Replace `output` where it is an earlier demonstration.
    draw : callable, optional
        Draws the figures, see `volcorr.dvc.run_dvc`.

    Returns
    -------
    DemoResult
        Measured against true values.

    Raises
    ------
    OutputError
        `output` exists, or cannot be written.
    """
    from volcorr.fields import open_fields

    existed = output.exists()
    if existed and not overwrite:
        raise OutputError(f"{output} exists: choose another folder with -o, or replace it with --overwrite")
    check_target(output / RESULT, overwrite=overwrite)
    try:
        _make_folder(output)
        motion = make_pair(output, threads=threads)
        settings = DvcSettings(
            reference=output / REFERENCE,
            deformed=output / DEFORMED,
            mask=output / MASK,
            output=output / RESULT,
            subset=SUBSET,
            spacing=SPACING,
            strain_window=WINDOW,
            threads=threads,
            overwrite=overwrite,
        )
        summary = run_dvc(settings, draw=draw)
    except BaseException:
        if not existed:
            shutil.rmtree(output, ignore_errors=True)
        raise
    fields = open_fields(output / RESULT)
    return DemoResult(summary, compare_fields(fields, motion), _strain_profile(fields, motion))


def make_pair(folder: Path, *, threads: int | None = None) -> "Motion":
    """Write two volumes, a textured pillar in air before and after compression, and its mask.

    The texture is analytic and evaluated at the material position of each voxel: no image is interpolated.
    The volumes have 8 bits and noise.

    Parameters
    ----------
    folder : Path
        Where ``reference.tif``, ``deformed.tif`` and ``mask.tif`` are written, replacing older ones.
    threads : int, optional
        Threads; all cores where it is not given.

    Returns
    -------
    Motion
        The true motion: a compression with a band of higher strain, turned and moved as a whole, in voxels.
    """
    from acquisition import BandCompression, BlobTexture, Cylinder, add_noise, quantize, rotate, translate
    from volio import Volume, write

    band = BandCompression(_CENTRE, base=0.01, peak=0.03, half_width=24.0, poisson=0.25)
    motion = band.then(rotate(1.5, centre=_CENTRE)).then(translate((1.6, -2.4, 3.3)))
    texture = BlobTexture.random(SHAPE, rng=_SEED)
    pillar = Cylinder(centre=(_CENTRE[1], _CENTRE[2]), radius=RADIUS)
    for seed, (name, moved) in enumerate(((REFERENCE, None), (DEFORMED, motion))):
        logger.info("making %s: %s voxels of %g um", name, " x ".join(map(str, SHAPE)), VOXEL_SIZE)
        clean = texture.render(SHAPE, motion=moved, specimen=pillar, threads=threads)
        noisy = add_noise(clean, snr=15.0, signal_std=15.0, rng=_SEED + seed)
        write(Volume(quantize(noisy), voxel_size=(VOXEL_SIZE,) * 3), folder / name, overwrite=True)
    inside = pillar.presence(np.moveaxis(np.indices(SHAPE), 0, -1)) > 0.5
    write(Volume(inside.astype(np.uint8), voxel_size=(VOXEL_SIZE,) * 3), folder / MASK, overwrite=True)
    return motion


def compare_fields(fields: "xr.Dataset", motion: "Motion") -> tuple[Comparison, ...]:
    """Hold measured displacement and strain against a motion that is known.

    Parameters
    ----------
    fields : xarray.Dataset
        What a run measured, with strain.
    motion : Motion
        The true motion, in voxels.

    Returns
    -------
    tuple of Comparison
        The components that were measured, in the order of the fields' names.
    """
    from volcorr.fields import DISPLACEMENT, STRAIN

    truth = true_fields(fields, motion)
    comparisons = []
    for name in (*DISPLACEMENT, *STRAIN):
        measured = fields[name].to_numpy()
        known = np.isfinite(measured)
        if known.any():
            found, true = measured[known], truth[name][known]
            error = found - true
            ranges = [(float(values.min()), float(values.max())) for values in (true, found)]
            unit = str(fields.attrs["unit"]) if name in DISPLACEMENT else "1"
            rms = float(np.sqrt(np.mean(error**2)))
            comparisons.append(Comparison(name, unit, ranges[0], ranges[1], float(error.mean()), rms))
    return tuple(comparisons)


def true_fields(fields: "xr.Dataset", motion: "Motion") -> "dict[str, NDArray[np.float64]]":
    """Evaluate the true displacement and strain at the points of `fields`.

    Parameters
    ----------
    fields : xarray.Dataset
        Gives the points, the unit and the strain measure.
    motion : Motion
        The true motion, in voxels.

    Returns
    -------
    dict of str to (z, y, x) array
        Displacement in the unit of `fields`, and strain, under the names of the fields.
    """
    from volcorr.fields import AXES, DISPLACEMENT, STRAIN
    from volcorr.strain_measures import strain_tensor

    size = np.asarray(fields.attrs["voxel_size"], np.float64)
    origin = np.asarray(fields.attrs["volume_origin"], np.float64)
    grid = np.meshgrid(*(fields[axis].to_numpy() for axis in AXES), indexing="ij")
    points = (np.stack(grid, axis=-1) - origin) / size
    moved = motion.displacement(points) * size
    slope = np.moveaxis(motion.gradient(points), (-2, -1), (0, 1))
    tensor = strain_tensor(slope, measure=fields.attrs["strain_measure"])
    place = {name: tuple("zyx".index(axis) for axis in name[2:]) for name in STRAIN}
    true = {name: moved[..., axis] for axis, name in enumerate(DISPLACEMENT)}
    return true | {name: tensor[row, column] for name, (row, column) in place.items()}


def format_comparison(result: DemoResult) -> str:
    """Lay the comparison out as lines of text for a terminal, without a final line break."""
    from volcorr.summary import format_summary

    heading = f"{'truth':<10}{'true':>21}{'measured':>23}{'bias':>12}{'rms error':>12}"
    lines = [format_summary(result.summary), "", heading]
    for row in result.comparisons:
        scale, unit = (100.0, "%") if row.unit == "1" else (1.0, row.unit)
        low, high, found_low, found_high = (scale * value for value in (*row.true, *row.measured))
        lines.append(
            f"  {row.name:<8}{low:z10.4f} ..{high:z9.4f}{found_low:z12.4f} ..{found_high:z9.4f}"
            f"{scale * row.bias:12.5f}{scale * row.rms:12.5f}  {unit}"
        )
    lines += ["", f"  {'height z (um)':<16}{'true e_zz (%)':>16}{'measured (%)':>16}"]
    lines += [f"  {z:<16.2f}{100 * true:16.3f}{100 * found:16.3f}" for z, true, found in result.profile]
    lines += ["", f"A strain is an average over about {REACH} voxels: it is lower than the truth at a narrow peak."]
    return "\n".join(lines)


def _make_folder(folder: Path) -> None:
    """Make `folder`, or say why that cannot be."""
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be made ({error.strerror}): choose another folder with -o") from error


def _strain_profile(fields: "xr.Dataset", motion: "Motion") -> tuple[tuple[float, float, float], ...]:
    """Height, true and measured e_zz, averaged over the measured points of each height."""
    true, found = true_fields(fields, motion)["e_zz"], fields["e_zz"].to_numpy()
    rows = []
    for height, expected, measured in zip(fields["z"].to_numpy(), true, found, strict=True):
        known = np.isfinite(measured)
        if known.any():
            rows.append((float(height), float(expected[known].mean()), float(measured[known].mean())))
    return tuple(rows)
