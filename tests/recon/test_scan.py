"""The scan: what it refuses, and that a part of it is the same as that part cut out by hand."""

import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon import Scan, read_scan
from volio import InputError, LazyArray


def make(**changes: Any) -> Scan:
    values = np.arange(6 * 4 * 5, dtype=np.uint16).reshape(6, 4, 5)
    options: dict[str, Any] = {
        "pixel_size": 0.065,
        "flats": values[:2] + 500,
        "darks": values[:1] + 1,
        "shifts": np.arange(12.0).reshape(6, 2),
        "center": 2.25,
        "name": "battery",
        "metadata": {"per_projection": {"exposure_s": [1.0, 2, 3, 4, 5, 6]}, "flat_positions": [0, 4], "kept": 1},
    }
    options |= changes
    projections = options.pop("projections", values)
    return Scan(projections, options.pop("angles", np.linspace(0, 1, 6)), **options)


def test_what_it_knows() -> None:
    scan = make()
    assert (scan.shape, scan.n_angles, scan.rows, scan.columns) == ((6, 4, 5), 6, 4, 5)
    assert (scan.dtype, scan.nbytes, scan.is_lazy) == (np.uint16, 240, False)
    assert scan.angular_range == 1
    assert scan.angle_step == pytest.approx(0.2)
    assert scan.angles.dtype == np.float64
    assert repr(scan) == ("<Scan 'battery' 6 projections of 4 x 5 uint16 over 57.2958 degrees, pixel size 0.065 um>")
    assert "not stated" in repr(make(pixel_size=None))
    assert make(unit="micron").unit == "um"


def test_step_and_range_do_not_depend_on_the_order() -> None:
    scan = make(angles=[0.4, 0.0, 1.0, 0.2, 0.8, 0.6])
    assert (scan.angular_range, scan.angle_step) == (1, pytest.approx(0.2))
    assert make().crop(angles=(2, 3)).angle_step == 0


def test_a_single_flat_counts_as_a_stack() -> None:
    assert make(flats=np.ones((4, 5)), darks=[[0] * 5] * 4).flats.shape == (1, 4, 5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"projections": np.zeros((4, 5, 6, 7))}, "projections of scan 'battery' need 3 axes"),
        ({"projections": np.zeros((6, 0, 5))}, "hold no pixels"),
        ({"projections": np.zeros((6, 4, 5), complex)}, "must hold whole or real numbers, got dtype complex128"),
        ({"angles": np.zeros(5)}, "has 6 projections, but 5 angles: give 6 angles, one a projection"),
        ({"angles": np.zeros((6, 2))}, r"but angles of shape \(6, 2\)"),
        ({"angles": [0, 1, 2, math.nan, 4, math.inf]}, "2 of the 6 angles .* the first at projection 3"),
        ({"angles": "abcdef"}, "angles of scan 'battery' must be numbers, got 'abcdef'"),
        ({"shifts": np.zeros((6, 3))}, r"shifts of shape \(6, 3\): give 6 shifts, each a pair \(row, column\)"),
        ({"shifts": np.full((6, 2), math.nan)}, "6 of the 6 shifts"),
        ({"flats": np.ones((1, 5, 4))}, "flats of scan 'battery' have 5 x 4 pixels, its projections 4 x 5"),
        ({"darks": np.ones((1, 4, 6))}, "darks of scan 'battery' have 4 x 6 pixels"),
        ({"flats": None}, "darks but no flats"),
        ({"unit": "s"}, "unit 's' of scan 'battery' is not a unit of length"),
        ({"pixel_size": 0}, "pixel_size of scan 'battery' must be a positive number, got 0"),
        ({"pixel_size": "small"}, "must be a positive number, got 'small'"),
        ({"center": math.nan}, "center of scan 'battery' must be a finite number"),
    ],
)
def test_refuses(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        make(**changes)
    assert "\n" not in str(error.value)


def test_crop_moves_axis_and_metadata_along() -> None:
    scan = make()
    part = scan.crop(rows=(1, 3), columns=slice(2, None), angles=slice(None, None, 2))
    np.testing.assert_array_equal(part.projections, scan.projections[::2, 1:3, 2:])
    np.testing.assert_array_equal(part.flats, scan.flats[:, 1:3, 2:])
    np.testing.assert_array_equal(part.darks, scan.darks[:, 1:3, 2:])
    np.testing.assert_array_equal(part.angles, scan.angles[::2])
    np.testing.assert_array_equal(part.shifts, scan.shifts[::2])
    assert part.center == 0.25
    assert part.metadata == {
        "per_projection": {"exposure_s": [1, 3, 5]},
        "flat_positions": [0, 2],
        "kept": 1,
    }
    assert scan.metadata["flat_positions"] == [0, 4]
    assert make(flats=None, darks=None, shifts=None, center=None).crop(rows=(0, 1)).center is None


@given(
    rows=st.tuples(st.integers(0, 3), st.integers(1, 4)).filter(lambda r: r[0] < r[1]),
    indices=st.lists(st.integers(0, 5), min_size=3, max_size=6, unique=True),
    on_disk=st.booleans(),
)
def test_crop_is_numpy_indexing(rows: tuple[int, int], indices: list[int], on_disk: bool) -> None:
    scan = make()
    data = scan.projections
    lazy = Scan(LazyArray.wrap(data), scan.angles) if on_disk else scan
    part = lazy.crop(rows=rows, angles=indices)
    assert part.is_lazy == on_disk
    np.testing.assert_array_equal(part.load().projections, data[indices, slice(*rows)])
    np.testing.assert_array_equal(part.angles, scan.angles[indices])


def test_crop_by_a_mask_or_one_projection() -> None:
    scan = make()
    keep = np.array([True, False, True, True, False, True])
    np.testing.assert_array_equal(scan.crop(angles=keep).projections, scan.projections[keep])
    np.testing.assert_array_equal(scan.crop(angles=(1, None)).angles, scan.angles[1:])
    np.testing.assert_array_equal(scan.crop(angles=np.array([4])).projections, scan.projections[4:5])


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"rows": (2, 9)}, "rows 2:9 are not inside the scan: give 0 <= start < stop <= 4"),
        ({"columns": slice(0, 5, 2)}, "columns cannot be skipped: step 2"),
        ({"rows": (1, 2, 3)}, "rows need a pair"),
        ({"angles": np.zeros(3, bool)}, "a mask of 6 projections"),
        ({"angles": [0, 1, 6]}, "choose no projections inside the scan"),
        ({"angles": slice(9, None, 2)}, "choose no projections"),
        ({"angles": 0.5}, "angles need a range"),
    ],
)
def test_crop_refuses(part: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make().crop(**part)


def test_a_scan_on_disk_travels_as_its_place(write_txrm: Callable[..., Path], images: np.ndarray) -> None:
    scan = read_scan(write_txrm(images), lazy=True)
    sent = pickle.dumps(scan)
    assert len(sent) < images.nbytes / 2
    back = pickle.loads(sent)
    assert back.is_lazy
    np.testing.assert_array_equal(back.load().projections, images)
    part = pickle.loads(pickle.dumps(scan.crop(rows=(3, 9), angles=[0, 2, 3])))
    np.testing.assert_array_equal(part.projections[1], images[2, 3:9])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(make())).flats, make().flats)
