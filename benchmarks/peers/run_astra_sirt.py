"""SIRT with ASTRA on CPU cores: called with a folder by benchmarks/iterative.py.

Reads projections (angle, slice, column), angles .npy and settings.json; writes result.npz: seconds of one projection,
one back projection and one iteration of a slice, the least of the repeats, with the fastest of its CPU projectors.
"""

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

import astra
import numpy as np


def least(call: object, repeats: int) -> float:
    """Return the least CPU seconds of a call."""
    seconds = []
    for _ in range(repeats):
        begun = time.process_time()
        call()
        seconds.append(time.process_time() - begun)
    return min(seconds)


def main(folder: Path) -> None:
    """Time the steps, and reconstruct the first slice."""
    settings = json.loads((folder / "settings.json").read_text())
    rows, angles = np.load(folder / "projections.npy")[:, 0], np.load(folder / "angles.npy")
    columns, iterations = rows.shape[1], settings["iterations"]
    detector = astra.create_proj_geom("parallel", 1.0, columns, -angles)
    image = astra.create_vol_geom(columns, columns)
    found: dict[str, float] = {}
    for kind in ("linear", "line", "strip"):
        projector = astra.create_projector(kind, detector, image)
        number, slice_ = astra.create_backprojection(np.ascontiguousarray(rows), projector)
        astra.data2d.delete(number)

        def forth(slice_: np.ndarray = slice_, projector: int = projector) -> None:
            astra.data2d.delete(astra.create_sino(slice_, projector)[0])

        def back(projector: int = projector) -> None:
            astra.data2d.delete(astra.create_backprojection(np.ascontiguousarray(rows), projector)[0])

        pair = [least(call, settings["repeats"]) for call in (forth, back)]
        if not found or sum(pair) < found["forth"] + found["back"]:
            found = {"forth": pair[0], "back": pair[1]}
            chosen, name = projector, kind
    sinogram = astra.data2d.create("-sino", detector, np.ascontiguousarray(rows))
    result = astra.data2d.create("-vol", image)
    options = astra.astra_dict("SIRT") | {"ProjectorId": chosen, "ProjectionDataId": sinogram}
    options |= {"ReconstructionDataId": result, "option": {"MinConstraint": 0.0}}
    algorithm = astra.algorithm.create(options)
    astra.algorithm.run(algorithm, 1)  # sets up its weights
    found["iteration"] = least(lambda: astra.algorithm.run(algorithm, iterations), settings["repeats"]) / iterations
    np.savez(
        folder / "result.npz", **found, slice=astra.data2d.get(result), kind=name, version=version("astra-toolbox")
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
