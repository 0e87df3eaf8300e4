"""How fine a detail of the displacement survives: the gain at the ridge of a wave, by its period.

    python -m benchmarks.resolution

The specimen carries a wave of displacement along z (amplitude 1 voxel) whose period along y grows with x, evaluated
exactly. At the ridge, where all periods are in phase, the measured displacement over the true one is the gain: 1 is
perfect, and a lower value is what the average over a subset costs.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import volcorr
from acquisition import BlobTexture, StarField
from benchmarks.engines import machine, markdown_table, save_report

WIDTHS = (1.5, 2.0, 2.5, 3.0, 4.0, 5.0)  # periods of the table, in subset widths


def measure_gain(size: int, subset_sizes: tuple[int, ...]) -> list[dict[str, Any]]:
    """Correlate the wave with each subset size; periods in voxels, gains averaged along z."""
    shape, ridge = (size,) * 3, size // 2
    wave = StarField(width=size, middle=ridge, amplitude=1.0, periods=(20.0, 150.0))
    texture = BlobTexture.random(shape, rng=7)
    reference, deformed = texture.render(shape), texture.render(shape, motion=wave)
    results = []
    for subset_size in subset_sizes:
        roi = ((0, size), (ridge, ridge + 1), (0, size))
        fields = volcorr.correlate(reference, deformed, subset_size=subset_size, spacing=(8, 8, 4), roi=roi)
        gain = fields["u_z"].isel(y=0)
        results.append(
            {
                "subset_size": subset_size,
                "period": wave.period(fields["x"].to_numpy()).tolist(),
                "gain": gain.mean("z").to_numpy().tolist(),
                "spread": gain.std("z").to_numpy().tolist(),
            }
        )
    return results


def make_table(results: list[dict[str, Any]]) -> str:
    """Format gains at some periods, interpolated between the points."""
    rows = []
    for one in results:
        periods = np.array(WIDTHS) * one["subset_size"]
        gains = np.interp(periods, one["period"], one["gain"], left=np.nan, right=np.nan)
        rows.append([f"{one['subset_size']}³", *("-" if np.isnan(g) else f"{g:.2f}" for g in gains)])
    return markdown_table(["subset", *(f"{w:g} widths" for w in WIDTHS)], rows)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=256, help="edge of the volume in voxels")
    parser.add_argument("--subset-sizes", type=int, nargs="+", default=[21, 33])
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/resolution.json"))
    options = parser.parse_args()
    results = measure_gain(options.size, tuple(options.subset_sizes))
    save_report(options.output, {"machine": machine(), "results": results}, make_table(results))


if __name__ == "__main__":
    main()
