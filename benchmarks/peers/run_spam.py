"""Correlate a pair with spam (spam-project.dev): called with a folder by benchmarks/engines.py.

Reads reference, deformed, points, wanted (and mask, start) .npy and settings.json; writes result.npz.
"""

import json
import resource
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import spam.DIC

CONVERGED = 2  # spam's return status


def cpu_seconds() -> float:
    """CPU time of this process and of its finished children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def load(folder: Path, name: str) -> np.ndarray | None:
    """Read one array of the request, or None."""
    path = folder / f"{name}.npy"
    return np.load(path) if path.exists() else None


def main(folder: Path) -> None:
    """Search whole voxels, then correlate to a fraction of one."""
    settings = json.loads((folder / "settings.json").read_text())
    reference, deformed = (load(folder, name).astype("<f4") for name in ("reference", "deformed"))
    points, wanted = load(folder, "points"), load(folder, "wanted")
    mask, start = load(folder, "mask"), load(folder, "start")
    mask = None if mask is None else mask > 0
    nodes = points[wanted].astype("<i4")
    half = np.full(3, settings["half"])
    threads = settings["threads"]
    stages: dict[str, float] = {}
    wall, cpu = time.perf_counter(), cpu_seconds()

    phi = np.tile(np.eye(4), (len(nodes), 1, 1))
    if settings.get("register"):
        begun = time.perf_counter()
        found = spam.DIC.registerMultiscale(
            reference, deformed, settings["register"], binStop=settings.get("register_stop", 1), im1mask=mask
        )
        centre = (np.array(reference.shape) - 1) / 2
        phi = spam.DIC.applyRegistrationToPoints(found["Phi"], centre, nodes, applyF="no", nProcesses=threads)
        stages["registration"] = time.perf_counter() - begun
    if start is not None:
        phi[:, :3, 3] = start[wanted]
    if settings.get("search"):
        begun = time.perf_counter()
        reach = [-settings["search"], settings["search"]] * 3
        phi = spam.DIC.pixelSearchLocal(
            reference, deformed, half, reach, nodes, PhiField=phi.copy(), im1mask=mask, numProc=threads
        )[0]
        stages["start values"] = time.perf_counter() - begun
    begun = time.perf_counter()
    phi, status, *_ = spam.DIC.ldic(
        reference,
        deformed,
        nodes,
        half,
        processes=threads,
        im1mask=mask,
        PhiField=phi.copy(),
        interpolationOrder=settings.get("interpolation_order", 1),
    )
    stages["refinement"] = time.perf_counter() - begun
    wall, cpu = time.perf_counter() - wall, cpu_seconds() - cpu

    u, valid = np.full((len(points), 3), np.nan), np.zeros(len(points), bool)
    u[wanted], valid[wanted] = phi[:, :3, 3], status == CONVERGED
    np.savez(
        folder / "result.npz",
        u=u,
        valid=valid,
        wall=wall,
        cpu=cpu,
        stages=json.dumps(stages),
        version=version("spam"),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
