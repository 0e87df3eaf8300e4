"""Correlate a pair with al-dvc (pyALDVC): called with a folder by benchmarks/engines.py.

Reads reference, deformed, points (and mask) .npy and settings.json; writes result.npz. The local subset solver is
used, with B-spline interpolation and without the global step, which smooths over neighbours.
"""

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

import al_dvc
import numpy as np

CONVERGED = 0  # al-dvc's node status


def main(folder: Path) -> None:
    """Correlate at the points of the grid."""
    settings = json.loads((folder / "settings.json").read_text())
    reference, deformed = (np.load(folder / f"{name}.npy") for name in ("reference", "deformed"))
    points = np.load(folder / "points.npy")
    mask_file = folder / "mask.npy"
    masks = [np.load(mask_file) > 0, None] if mask_file.exists() else None
    half = settings["half"]
    box = {axis: (low - half, high + half) for axis, (low, high) in zip("zyx", settings["ranges"], strict=True)}
    options = {
        "winsize": 2 * half,  # its subsets reach winsize / 2 to both sides of the point
        "winstepsize": settings["spacing"][::-1],
        "voi": box,
        "interp_method": "bspline",
        "use_global_step": False,
        "local_outlier_threshold": 0.0,
        "backend": "numba",
        "n_threads": settings["threads"],
        "verbose": False,
    }
    parameters = al_dvc.dvcpara_default(**(options | settings.get("options", {})))
    al_dvc.warmup()  # compiling is not timed

    wall, cpu = time.perf_counter(), time.process_time()
    result = al_dvc.run_aldvc(parameters, [reference, deformed], masks=masks, compute_strain=False)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu

    frame = result.result_disp[0]
    nodes = result.dvc_mesh.coordinates[:, ::-1]
    if not np.array_equal(nodes, points):
        raise SystemExit(
            f"al-dvc placed {len(nodes)} nodes from {nodes.min(0)} to {nodes.max(0)}, expected {len(points)} from "
            f"{points.min(0)} to {points.max(0)}: keep points at least {half + 5} voxels from the faces"
        )
    valid = frame.status == CONVERGED
    if frame.outlier is not None:
        valid &= ~frame.outlier
    np.savez(
        folder / "result.npz",
        u=frame.U[:, ::-1],
        sigma=frame.U_std[:, ::-1],
        valid=valid,
        wall=wall,
        cpu=cpu,
        stages=json.dumps(result.timings),
        version=version("al-dvc"),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
