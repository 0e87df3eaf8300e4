"""Iterative reconstruction as a backend: units, region, tilt, and what it says of its choice."""

import json
import math

import numpy as np
import pytest

from acquisition.projections import EllipsePhantom, SpherePhantom
from recon.detector_rows import DetectorRows
from recon.iterative import IterativeBackend, IterativeMethod, make_iterative
from recon.slice_grid import make_slice_grid
from volio.errors import InputError

SIZE = 40
ANGLES = np.linspace(0, np.pi, 49)[:-1]


def backend(method: IterativeMethod, *, slices: int = 3, **options: object) -> tuple[IterativeBackend, np.ndarray]:
    """Return the backend of a scan of a disc with noise, and its rows."""
    rows = EllipsePhantom.disc(12, 0.02, x=4).project(ANGLES, columns=SIZE, center=20.2)
    lines = np.repeat(rows[:, None], slices, axis=1)
    lines = lines + np.random.default_rng(0).normal(0, 0.01, lines.shape).astype(np.float32)
    read = DetectorRows(lines, np.full(48, 20.2), np.zeros(48))
    region = options.pop("region", None)
    grid = make_slice_grid(SIZE, center=20.2, region=region)  # type: ignore[arg-type]
    return make_iterative(method, grid, ANGLES, read, **options), lines  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["sirt", "tv"])
def test_values_are_per_length(method: IterativeMethod) -> None:
    """Attenuation is in one over the unit of the pixel size, and a region is cut out of the same slice."""
    whole, rows = backend(method)
    image = whole.reconstruct(rows)
    y, x = np.indices((SIZE, SIZE)) - 19.5
    inside = np.hypot(y, x - 4) < 8
    assert image[:, inside].mean() == pytest.approx(0.02, rel=0.01)
    part, _ = backend(method, setting=whole.setting, pixel_size=0.5, region=((3, 20), (10, 31)))
    np.testing.assert_array_equal(part.reconstruct(rows), image[:, 3:20, 10:31] / np.float32(0.5))
    said = json.loads(json.dumps(whole.describe()))
    name = "iterations" if method == "sirt" else "weight"
    assert said[f"{name}_from"] == "held-out projections"
    assert len(said["held_out"]["misfits"]) == len(said["held_out"][f"{name}_tried"])
    assert part.describe()[f"{name}_from"] == "given"


def test_a_leaning_axis_is_undone() -> None:
    """Slices far from the middle row stand where they should, although the axis leans."""
    tilt, height = 0.15, 25
    phantom = SpherePhantom(np.array([[0.0, 3.0, -2.0, 12.0, 0.02]]))
    lines = phantom.project(ANGLES, rows=height, columns=SIZE, tilt=tilt)
    errors = []
    for lean in (0.0, tilt):
        read = DetectorRows(lines, np.full(48, 19.5), np.zeros(48), lean)
        made = make_iterative("sirt", make_slice_grid(SIZE, center=19.5), ANGLES, read, setting=40)
        found = made.reconstruct(read.read(18, 20), shifts=read.heights(18, 20) * math.sin(lean))
        truth = phantom.render((height, SIZE, SIZE))[18:20]
        errors.append(np.sqrt(np.mean((found - truth) ** 2)))
    assert errors[1] < 0.7 * errors[0]


def test_bad_input_is_told_in_one_line() -> None:
    """A user learns what was wrong."""
    with pytest.raises(InputError, match="method must be one of sirt, tv"):
        backend("art")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="whole number of iterations"):
        backend("sirt", setting=2.5)
