"""Cone beams: how far off a parallel reconstruction would be, against rays that are traced one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon import Scan
from recon.geometry import check_parallel, parallel_error
from volio import InputError


def cone_scan(pixel_size: float | None = 1.0, *, columns: int = 400, **geometry: object) -> Scan:
    metadata = {"geometry": {"beam": "cone", **geometry}}
    return Scan(
        np.zeros((3, 100, columns), np.uint8), [0, 1, 2], pixel_size=pixel_size, name="versa", metadata=metadata
    )


@given(distance=st.floats(1e3, 1e6), rows=st.integers(1, 300), columns=st.integers(4, 900), seed=st.integers(0, 10**6))
def test_bound_holds_for_every_point_and_is_reached(distance: float, rows: int, columns: int, seed: int) -> None:
    bound = parallel_error(distance, rows=rows, columns=columns, pixel_size=1)
    random = np.random.default_rng(seed)
    radius = columns / 2 * np.sqrt(random.random(20000))
    turn = random.uniform(0, 2 * np.pi, 20000)
    x, y = radius * np.cos(turn), radius * np.sin(turn)
    z = random.uniform(-rows / 2, rows / 2, 20000)
    # the ray from the source at (0, distance) through the point meets the plane through the axis
    seen = np.stack([x, z]) * (distance / (distance - y))
    off = np.linalg.norm(seen - np.stack([x, z]), axis=0)
    assert off.max() <= bound * (1 + 1e-6)
    assert off.max() > 0.7 * bound


def test_scale_does_not_matter() -> None:
    one = parallel_error(20_000, rows=1000, columns=1000, pixel_size=1)
    assert parallel_error(20, rows=1000, columns=1000, pixel_size=1e-3) == pytest.approx(one, rel=1e-12)
    # about R^2 / 2 S for a thin slice
    assert parallel_error(1e6, rows=1, columns=1000, pixel_size=1) == pytest.approx(500**2 / 2e6, rel=1e-3)


def test_odd_distances() -> None:
    with pytest.raises(InputError, match="must be positive"):
        parallel_error(0, rows=1, columns=10, pixel_size=1)
    with pytest.raises(InputError, match="inside a field of view of 100 columns"):
        parallel_error(50, rows=1, columns=100, pixel_size=1)


def test_nearly_parallel_cone_is_let_through_and_said() -> None:
    scan = check_parallel(cone_scan(source_distance=500.0))
    error = scan.metadata["geometry"]["parallel_error"]
    assert error == parallel_error(500, rows=100, columns=400, pixel_size=1e-3)
    assert 0.03 < error < 0.1
    assert "the cone beam counts as parallel" in scan.metadata["notes"][0]


def test_cone_is_refused() -> None:
    with pytest.raises(InputError, match=r"versa is a cone-beam scan \(source 20 mm .*pixels off, 0.1 are allowed"):
        check_parallel(cone_scan(source_distance=20.0))
    with pytest.raises(InputError, match="without a source distance"):
        check_parallel(cone_scan())
    with pytest.raises(InputError, match="without a pixel size"):
        check_parallel(cone_scan(None, source_distance=20.0))


def test_parallel_beams_pass_untouched() -> None:
    scan = Scan(np.zeros((2, 3, 4)), [0, 1], metadata={"geometry": {"beam": "parallel"}})
    assert check_parallel(scan) is scan
    assert scan.metadata == {"geometry": {"beam": "parallel"}}
