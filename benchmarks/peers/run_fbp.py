"""Filtered back projection with algotom or ASTRA: called with a name and a folder by benchmarks/back_projection.py.

Reads projections (angle, slice, column), angles .npy and settings.json; writes result.npz. Both get the same rows, the
filter that the settings name (the ramp if none), and as many threads as the settings say, where they can use them. The
call is repeated once to compile.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import numpy as np


def algotom(projections: np.ndarray, angles: np.ndarray, center: float, threads: int, window: str) -> np.ndarray:
    """Reconstruct with the numba kernels of algotom."""
    import numba
    from algotom.rec.reconstruction import fbp_reconstruction

    numba.set_num_threads(threads)
    options = {
        "angles": -angles,
        "filter_name": None if window == "ramp" else window,
        "apply_log": False,
        "gpu": False,
        "ratio": None,
        "ncore": threads,
    }
    return np.moveaxis(fbp_reconstruction(projections, center, **options), 1, 0)


def astra(projections: np.ndarray, angles: np.ndarray, center: float, threads: int, window: str) -> np.ndarray:
    """Reconstruct with FBP and the linear projector of ASTRA on CPU cores, a slice a thread."""
    import astra as toolbox

    columns = projections.shape[2]
    if abs(center - 0.5 * (columns - 1)) > 1e-9:
        raise SystemExit("astra is run with the axis in the middle only")
    detector = toolbox.create_proj_geom("parallel", 1.0, columns, -angles)
    image = toolbox.create_vol_geom(columns, columns)
    projector = toolbox.create_projector("linear", detector, image)

    def one(k: int) -> np.ndarray:
        rows = toolbox.data2d.create("-sino", detector, np.ascontiguousarray(projections[:, k]))
        slices = toolbox.data2d.create("-vol", image)
        settings = toolbox.astra_dict("FBP") | {"ProjectorId": projector, "ProjectionDataId": rows}
        settings |= {
            "ReconstructionDataId": slices,
            "option": {"FilterType": "ram-lak" if window == "ramp" else window},
        }
        algorithm = toolbox.algorithm.create(settings)
        toolbox.algorithm.run(algorithm)
        result = toolbox.data2d.get(slices)
        toolbox.algorithm.delete(algorithm)
        toolbox.data2d.delete([rows, slices])
        return result

    with ThreadPoolExecutor(threads) as pool:
        return np.stack(list(pool.map(one, range(projections.shape[1]))))


def volcorr_astra(projections: np.ndarray, angles: np.ndarray, center: float, threads: int, window: str) -> np.ndarray:
    """Filter as volcorr does, and back-project with ASTRA: the backend of `recon.reconstruct`."""
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from recon.reconstruction import reconstruct
    from recon.scan import Scan

    scan = Scan(projections, angles, center=center)
    return reconstruct(scan, backend="astra", filter=window, threads=threads, progress=False).data


def main(package: str, folder: Path) -> None:
    """Reconstruct the slices and say what it took."""
    settings = json.loads((folder / "settings.json").read_text())
    projections, angles = np.load(folder / "projections.npy"), np.load(folder / "angles.npy")
    reconstruct = {"algotom": algotom, "astra": astra, "volcorr-astra": volcorr_astra}[package]
    options = settings["center"], settings["threads"], settings.get("filter", "ramp")
    reconstruct(projections[:, :1], angles, *options)
    wall, cpu = time.perf_counter(), time.process_time()
    slices = reconstruct(projections, angles, *options)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    name = "algotom" if package == "algotom" else "astra-toolbox"
    np.savez(folder / "result.npz", slices=slices, wall=wall, cpu=cpu, version=version(name))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
