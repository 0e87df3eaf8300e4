"""Rigid registration without a start value: what is found, how exactly, and how long it takes.

    python -m benchmarks.registration

Each case is a pair with an exactly known motion: a random shift up to half the volume along each axis, a rotation about
a random axis, a compression along z with lateral expansion, and noise; for texture that fills the volume, and for a
pillar in air (shifts across the air are smaller: half the pillar stays in view). Found is what the registration itself
says; right is a rotation within a degree and a displacement within one averaged voxel. In the last rows the two volumes
have nothing in common but their outline: nothing must be found.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from acquisition import BlobTexture, Cylinder, add_noise, compress
from acquisition.motion import Homogeneous
from benchmarks.engines import markdown_table, save_report
from volcorr.averaging import choose_factor
from volcorr.registration import FINE, _turn, register_rigid

#: (specimen, shift as a part of the edge, rotation in degrees, compression, SNR, related)
CASES = [
    ("full", 0.02, 1, 0.0, 20, True),
    ("full", 0.5, 0, 0.0, 20, True),
    ("full", 0.1, 15, 0.0, 20, True),
    ("full", 0.5, 15, 0.1, 20, True),
    ("full", 0.5, 15, 0.1, 2, True),
    ("pillar", 0.02, 1, 0.0, 20, True),
    ("pillar", 0.5, 15, 0.0, 20, True),
    ("pillar", 0.5, 15, 0.1, 2, True),
    ("full", 0.5, 15, 0.1, 2, False),
    ("pillar", 0.5, 15, 0.1, 2, False),
]


def measure_one(size: int, case: tuple[Any, ...], seed: int, threads: int | None) -> dict[str, Any]:
    """Register one random pair and compare with the truth."""
    specimen, part, degrees, compression, snr, related = case
    rng, shape, centre = np.random.default_rng(seed), (size,) * 3, ((size - 1) / 2,) * 3
    axis = rng.normal(size=3)
    rotation = _turn(degrees * axis / np.linalg.norm(axis))
    shift = part * size * rng.uniform(-1, 1, 3) * (1, *((0.3, 0.3) if specimen == "pillar" else (1, 1)))
    motion = compress(compression, centre=centre, poisson=0.3).then(Homogeneous(rotation, centre=centre, shift=shift))
    cylinder = Cylinder((centre[1], centre[2]), 0.37 * size) if specimen == "pillar" else None
    texture = BlobTexture.random(shape, rng=seed, margin=size)
    other = texture if related else BlobTexture.random(shape, rng=seed + 1000, margin=size)
    first = add_noise(texture.render(shape, specimen=cylinder), snr=snr, rng=1, signal_std=15)
    second = add_noise(other.render(shape, motion=motion, specimen=cylinder), snr=snr, rng=2, signal_std=15)
    begin = time.perf_counter()
    found = register_rigid(first, 0.5 * second + 20, threads=threads)
    seconds = time.perf_counter() - begin
    middle = found.middle[None]
    return {
        "case": case,
        "seed": seed,
        "found": found.found,
        "degrees": float(np.degrees(np.linalg.norm(found.rotation - rotation) / np.sqrt(2))),
        "voxels": float(np.abs(found.displacement(middle) - motion.displacement(middle)).max()),
        "height": found.height,
        "distinctness": found.distinctness,
        "seconds": seconds,
    }


def make_table(results: list[dict[str, Any]], factor: int) -> str:
    """Format one row a case: how many, and medians."""
    rows = []
    for case in CASES:
        group = [one for one in results if one["case"] == case]
        specimen, part, degrees, compression, snr, related = case
        right = [one for one in group if one["found"] and one["degrees"] < 1 and one["voxels"] < factor]
        cells = ["-", "-"]
        if related and right:
            cells = [f"{np.median([one[key] for one in right]):.2f}" for key in ("degrees", "voxels")]
        rows.append(
            [
                specimen if related else f"{specimen}, unrelated",
                f"{part:g} edge",
                f"{degrees}°",
                f"{compression:.0%}",
                str(snr),
                f"{sum(one['found'] for one in group)} of {len(group)}",
                str(len(right)) if related else "-",
                *cells,
                f"{min(one['distinctness'] for one in group):.2f}-{max(one['distinctness'] for one in group):.2f}",
                f"{np.median([one['seconds'] for one in group]):.2f}",
            ]
        )
    head = [
        "specimen",
        "shift to",
        "rotation",
        "compression",
        "SNR",
        "found",
        "right",
        "error, degrees",
        "error, voxels",
    ]
    return markdown_table([*head, "distinctness", "seconds"], rows)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=96, help="edge of the volumes in voxels")
    parser.add_argument("--count", type=int, default=10, help="random pairs a case")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/registration.json"))
    options = parser.parse_args()
    measure_one(32, CASES[0], 0, options.threads)  # compiles
    results = [
        measure_one(options.size, case, seed, options.threads) for case in CASES for seed in range(options.count)
    ]
    factor = choose_factor((options.size,) * 3, FINE)[0]
    report = {"size": options.size, "threads": options.threads, "results": results}
    save_report(options.output, report, make_table(results, factor))


if __name__ == "__main__":
    main()
