"""Measure a pore volume with PoreSpy and taufactor: run_real_volume.py FILE.npy EDGE, in an environment with both.

Prints one line of JSON: CPU seconds of both, radii of the whole, and the tortuosity factor along z of the cube of EDGE
voxels in the corner (null where nothing gets through).
"""

import contextlib
import io
import json
import sys
import time
from importlib.metadata import version

import numpy as np


def main() -> None:
    """Measure and print."""
    import porespy
    import taufactor

    pores = np.load(sys.argv[1])
    edge = int(sys.argv[2])
    porespy.settings.tqdm["disable"] = True
    porespy.filters.local_thickness(pores[:48, :48, :48], method="bf")  # compiles
    begin = time.process_time()
    inside = porespy.filters.local_thickness(pores, method="bf")[pores]
    found = {"porosity": float(porespy.metrics.porosity(pores)), "porespy_cpu": time.process_time() - begin}
    found |= {"mean": float(inside.mean(dtype=float)), "r50": float(np.median(inside))}
    begin = time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        factor = float(np.ravel(taufactor.Solver(pores[:edge, :edge, :edge], device="cpu").solve(verbose=False))[0])
    found |= {"tortuosity_factor": factor if np.isfinite(factor) else None}
    found |= {"taufactor_cpu": time.process_time() - begin}
    print(json.dumps(found | {"porespy": version("porespy"), "taufactor": version("taufactor")}))


if __name__ == "__main__":
    main()
