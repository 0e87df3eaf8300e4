"""Pore sizes by PoreSpy (porespy.org), or a distance map by edt; called by benchmarks/porosity.py with job and volume.

Prints one line of JSON: seconds, peak memory, and what was found.
"""

import json
import resource
import sys
import time
from importlib.metadata import version

import numpy as np


def run(job: str, pores: np.ndarray, threads: int) -> tuple[str, np.ndarray]:
    """Return the name of the package and its map: radii, or squared distances."""
    if job == "distance":
        import edt

        return "edt", edt.edtsq(pores, parallel=threads)
    import porespy

    porespy.settings.tqdm["disable"] = True
    if job == "cpsd":
        return "porespy", porespy.filters.local_thickness(pores, method="bf")
    import edt

    radii = np.arange(int(edt.edtsq(pores, parallel=threads).max() ** 0.5), 0, -1)
    return "porespy", porespy.filters.porosimetry(pores, sizes=radii, method="dt")


def main() -> None:
    """Run once on a corner, which compiles, and once on the whole."""
    job, file, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    pores = np.load(file)
    run(job, np.ascontiguousarray(pores[:48, :48, :48]), threads)
    wall, cpu = time.perf_counter(), time.process_time()
    package, found = run(job, pores, threads)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    inside = found[pores]
    print(
        json.dumps(
            {
                "package": f"{package} {version(package)}",
                "wall": wall,
                "cpu": cpu,
                "peak": peak,
                "mean": float(inside.mean(dtype=float)),
                "r50": float(np.median(inside)),
                "largest": float(inside.max()),
            }
        )
    )


if __name__ == "__main__":
    main()
