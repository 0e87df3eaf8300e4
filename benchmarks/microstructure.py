"""Speed and truth of the measurements of the microstructure, beside other packages, in one process.

    ~/peers/bin/python -m benchmarks.microstructure

Runs in an environment that holds the peers too (``pip install porespy==3.2.0 scikit-image==0.26.0
connected-components-3d==4.1.1``, and volcorr's own requirements); a peer that is missing shows a dash. The volume is a
Boolean model of spheres, of which every answer is known. Calls take turns on one thread; each number is the least
processor time over the turns, compilation excluded. What each call gives is held against the truth where there is one.
"""

import contextlib
import io
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")

import numpy as np

from benchmarks.engines import machine, make_parser, save_report, tabulate
from porosity.boolean_model import BooleanModel
from porosity.chords import measure_chords
from porosity.fractions import phase_fractions
from porosity.surface import measure_surface
from porosity.topology import connect_components, count_euler
from porosity.transport import measure_transport
from porosity.two_point import correlate_phase

Case = tuple[str, str, str, Callable[[], Any], float | None]


def own_cases(pores: np.ndarray, small: np.ndarray, truth: BooleanModel) -> Iterator[Case]:
    """Yield job, package, what is called, call, and the truth."""
    one: dict[str, Any] = {"phase": 1, "threads": 1}
    half = min(pores.shape) // 2
    surface, chord = truth.surface_per_volume, truth.mean_chord
    yield (
        "fractions, profiles",
        "volcorr",
        "phase_fractions",
        lambda: phase_fractions(pores, uncertainty="none", threads=1).fraction[1],
        None,
    )

    def two_point() -> float:
        found = correlate_phase(pores, longest=half, **one)
        return float(np.interp(8, found.distance, found.radial))

    yield "two-point probability", "volcorr", "correlate_phase", two_point, float(truth.two_point(8.0))
    yield "surface per volume", "volcorr", "measure_surface", lambda: measure_surface(pores, **one).per_volume, surface
    yield (
        "surface per volume",
        "volcorr",
        "measure_surface, isosurface",
        lambda: measure_surface(pores, method="isosurface", **one).per_volume,
        surface,
    )
    yield "mean chord", "volcorr", "measure_chords", lambda: np.mean(measure_chords(pores, **one).mean), chord
    yield "Euler number", "volcorr", "count_euler", lambda: count_euler(pores, connectivity=26, **one).number, None
    yield "components", "volcorr", "connect_components", lambda: connect_components(pores, phase=1).count, None
    yield (
        "tortuosity factor, small",
        "volcorr",
        "measure_transport",
        lambda: measure_transport(small, axes="z", **one)["z"].tortuosity_factor,
        None,
    )


def porespy_cases(pores: np.ndarray, truth: BooleanModel) -> Iterator[Case]:
    """Yield the same of PoreSpy."""
    import porespy

    porespy.settings.tqdm["disable"] = True
    porespy.settings.ncores = 1

    def two_point() -> float:
        found = porespy.metrics.two_point_correlation(pores, bins=min(pores.shape) // 2)
        return float(np.interp(8, found.distance, found.probability_scaled))

    def chords() -> float:
        # without a gap between rows its chords run into each other: a quarter of the rows is measured
        drawn = [porespy.filters.apply_chords(pores, axis=axis, spacing=1) for axis in range(3)]
        return float(np.mean(np.concatenate([porespy.metrics.chord_counts(one) for one in drawn])))

    def fractions() -> float:
        for axis in range(3):
            porespy.metrics.porosity_profile(pores, axis=axis)
        return float(porespy.metrics.porosity(pores))

    yield "two-point probability", "porespy", "two_point_correlation", two_point, float(truth.two_point(8.0))
    yield "mean chord", "porespy", "apply_chords, chord_counts", chords, truth.mean_chord
    yield "fractions, profiles", "porespy", "porosity, porosity_profile", fractions, None


def scikit_image_cases(pores: np.ndarray, truth: BooleanModel) -> Iterator[Case]:
    """Yield the same of scikit-image."""
    from scipy.ndimage import gaussian_filter
    from skimage import measure

    known = truth.surface_per_volume
    cells = np.prod([n - 1 for n in pores.shape])

    def area(field: np.ndarray) -> float:
        vertices, faces, *_ = measure.marching_cubes(field, 0.5)
        return float(measure.mesh_surface_area(vertices, faces) / cells)

    def smoothed() -> float:
        return area(gaussian_filter(pores.astype(np.float32), 1, mode="nearest", truncate=3))

    binary = pores.astype(np.float32)
    yield "surface per volume", "scikit-image", "marching_cubes", lambda: area(binary), known
    yield "surface per volume", "scikit-image", "gaussian_filter, marching_cubes", smoothed, known
    yield "Euler number", "scikit-image", "euler_number", lambda: measure.euler_number(pores, 3), None


def cc3d_cases(pores: np.ndarray) -> Iterator[Case]:
    """Yield the same of connected-components-3d."""
    import cc3d

    def components() -> int:
        numbers = cc3d.connected_components(pores, connectivity=6)
        return len(cc3d.statistics(numbers)["voxel_counts"]) - 1

    yield "components", "cc3d", "connected_components, statistics", components, None


def taufactor_cases(small: np.ndarray) -> Iterator[Case]:
    """Yield the same of taufactor."""
    import taufactor

    def tortuosity() -> float:
        with contextlib.redirect_stdout(io.StringIO()):
            return float(np.ravel(taufactor.Solver(small, device="cpu").solve(verbose=False))[0])

    yield "tortuosity factor, small", "taufactor", "Solver.solve", tortuosity, None


def all_cases(size: int) -> list[Case]:
    """Return every call on a volume of this edge."""
    drawn = BooleanModel.with_porosity(0.4, radius=8)
    pores, small = (drawn.draw((n,) * 3, seed=1) for n in (size, size // 2))
    truth = BooleanModel.with_porosity(pores.mean(), radius=8)
    cases = [*own_cases(pores, small, truth)]
    peers = (
        lambda: porespy_cases(pores, truth),
        lambda: scikit_image_cases(pores, truth),
        lambda: cc3d_cases(pores),
        lambda: taufactor_cases(small),
    )
    for peer in peers:
        with contextlib.suppress(ImportError):  # not installed
            cases.extend(peer())
    return cases


def measure_all(options: Any) -> list[dict[str, Any]]:
    """Run every call in turns and return one record a call."""
    for *_, run, _ in all_cases(48):  # compiles
        run()
    results: dict[int, dict[str, Any]] = {}
    for turn in range(options.repeats):
        for number, (job, package, call, run, expected) in enumerate(all_cases(options.size)):
            begin = time.process_time()
            value = run()
            seconds = time.process_time() - begin
            known = results.setdefault(number, {"job": job, "package": package, "call": call, "seconds": np.inf})
            known["value"], known["error"] = value, None if expected is None else value / expected - 1
            known["seconds"] = min(known["seconds"], seconds)
            print(f"turn {turn + 1}: {job}, {package}: {seconds:.3f} s", file=sys.stderr, flush=True)
    jobs = list(dict.fromkeys(one["job"] for one in results.values()))
    records = sorted(results.values(), key=lambda one: jobs.index(one["job"]))
    for one in records:
        own = next(other for other in records if other["job"] == one["job"])
        one["ratio"] = one["seconds"] / own["seconds"]
    return records


COLUMNS = {
    "job": "{job}",
    "package": "{package}",
    "call": "{call}",
    "CPU s": "{seconds:.3f}",
    "times volcorr": "{ratio:.1f}",
    "value": "{value:.5g}",
    "error": "{error:+.1%}",
}


def main() -> None:
    """Measure, print and save."""
    parser = make_parser(__doc__, "microstructure")
    parser.add_argument("--size", type=int, default=160, help="edge of the volume in voxels")
    parser.add_argument("--repeats", type=int, default=2)
    options = parser.parse_args()
    if options.quick:
        options.size, options.repeats = 64, 1
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    records = measure_all(options)
    report = {"machine": machine(), "size": options.size, "records": records}
    save_report(options.output, report, tabulate(records, COLUMNS))


if __name__ == "__main__":
    main()
