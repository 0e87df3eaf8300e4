"""Follow a compression series: displacement and strain of the same material points at every load step.

    python compression_series.py scan_00.tif scan_01.tif scan_02.tif scan_03.tif

Without files, four scans of a virtual pillar are made first, whose compression is known. Copy this script and change
what stands between the two lines.
"""

import sys
from pathlib import Path
from typing import Literal

import numpy as np

import volcorr
import volio
from viewers.figures import draw_figures
from volcorr.export import write_csv, write_vtk_series
from volcorr.series import correlate_series
from volcorr.steps import each_step, map_steps, save_step

# ---------------------------------------------------------------------------------------------------------------------
VOXEL_SIZE = "128nm"
SUBSET = 21  # voxels, or "2.7um"
SPACING = 8
REFERENCE: Literal["first", "previous", "auto"] = "auto"  # "first", "previous" or "auto"
# one value for each scan after the first, with its unit
MEASURED = {"press_displacement": ([0.2, 0.4, 0.6], "um")}
# ---------------------------------------------------------------------------------------------------------------------


def main(scans: list[str], output: Path, mask: Path | None = None) -> None:
    """Correlate the scans and leave fields, tables, figures and files for ParaView in `output`."""
    output.mkdir(parents=True, exist_ok=True)
    if not scans:
        scans, mask = make_scans(output)

    # scans larger than 256 MB stay on disk until they are needed, two at a time
    volumes = [volio.read(scan, voxel_size=VOXEL_SIZE) for scan in scans]
    series = correlate_series(
        volumes,
        reference=REFERENCE,
        mask=None if mask is None else volio.read(mask),
        subset_size=SUBSET,
        spacing=SPACING,
        steps=MEASURED if len(scans) == 4 else None,
        on_step=lambda field: save_step(field, output / "steps"),  # a crash loses no finished step
    )
    series = map_steps(volcorr.strain, series, window=3)

    volcorr.save_fields(series, output / "fields.zarr", overwrite=True)
    write_csv(series, output / "points.csv", overwrite=True)
    write_vtk_series(series, output / "fields.pvd", overwrite=True)
    draw_figures(series, volumes[0], output / "figures")

    for field in each_step(series):
        share = float((field["status"] == volcorr.Status.VALID).sum() / (field["status"] != 1).sum())
        number, name = int(field["step"]), field["step_name"].item()
        print(
            f"step {number} ({name}): median e_zz {100 * float(field['e_zz'].median()):.2f} %,"
            f" ZNCC {float(field['cc'].median()):.3f}, {share:.1%} valid, against volume {int(field['reference_step'])}"
        )


def make_scans(folder: Path, shape: tuple[int, int, int] = (112, 84, 84)) -> tuple[list[str], Path]:
    """Make four scans of a virtual pillar and its mask: 1, 2 and 3 % compression, more in a band at half height."""
    from acquisition import BandCompression, BlobTexture, Cylinder, add_noise, quantize, rotate, translate

    z, y, x = ((n - 1) / 2 for n in shape)
    centre = (z, y, x)
    texture = BlobTexture.random(shape, rng=1)
    pillar = Cylinder(centre=(y, x), radius=0.36 * shape[1])
    shifts = np.random.default_rng(2).uniform(-1, 1, (4, 3))  # the pillar is never put back exactly
    scans = []
    for number, shift in enumerate(shifts):
        band = BandCompression(centre, base=0.005 * number, peak=0.012 * number, half_width=z / 3, poisson=0.3)
        motion = band.then(rotate(0.4 * number, centre=centre)).then(translate(shift))
        grey = texture.render(shape, motion=motion if number else None, specimen=pillar)
        scan = quantize(add_noise(grey, snr=15, signal_std=15, rng=number))
        path = folder / f"scan_{number:02d}.tif"
        volio.write(volio.Volume(scan, voxel_size=(0.128,) * 3), path, overwrite=True)
        scans.append(str(path))
    inside = pillar.presence(np.moveaxis(np.indices(shape), 0, -1)) > 0.5
    return scans, volio.write(volio.Volume(inside.astype(np.uint8)), folder / "mask.tif", overwrite=True)


if __name__ == "__main__":
    main(sys.argv[1:], Path("compression-series"))
