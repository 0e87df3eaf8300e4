from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from volio import InputError, LazyArray, Volume
from volio.volume import check_roi

ARRAY = np.arange(4 * 5 * 6, dtype=np.uint16).reshape(4, 5, 6)


def test_properties() -> None:
    volume = Volume(ARRAY, (2, 1, 0.5), name="scan")
    assert volume.shape == (4, 5, 6)
    assert volume.dtype == np.uint16
    assert (volume.ndim, volume.size, volume.nbytes) == (3, 120, 240)
    assert volume.extent == (8.0, 5.0, 3.0)
    assert Volume(ARRAY).extent is None
    assert not volume.is_lazy
    assert repr(volume) == "<Volume 'scan' (4, 5, 6) uint16, voxel size (2.0, 1.0, 0.5) um>"
    assert "on disk" in repr(Volume(LazyArray.wrap(ARRAY)))


def test_normalised() -> None:
    assert Volume(ARRAY, 2).voxel_size == (2.0, 2.0, 2.0)  # type: ignore[arg-type]
    assert Volume(ARRAY, (1, 1, 1), unit="µm").unit == "um"
    assert Volume(ARRAY.tolist()).shape == (4, 5, 6)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"data": ARRAY[0]}, r"3 axes \(z, y, x\), got shape \(5, 6\)"),
        ({"data": ARRAY[:0]}, "holds no voxels"),
        ({"data": ARRAY.astype(complex)}, "whole or real numbers, got dtype complex128"),
        ({"data": ARRAY.astype(str)}, "whole or real numbers"),
        ({"voxel_size": (1, 0, 1)}, "three positive numbers"),
        ({"voxel_size": (1, float("nan"), 1)}, "three positive numbers"),
        ({"voxel_size": (1, 1)}, "three positive numbers"),
        ({"voxel_size": "abc"}, "three positive numbers"),
        ({"origin": (0, float("inf"), 0)}, "three finite numbers"),
        ({"unit": "pixel"}, "not a unit of length"),
        ({"data": ARRAY[0], "name": "scan"}, "volume 'scan' needs"),
    ],
)
def test_nonsense_is_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        Volume(**{"data": ARRAY, **options})


ranges = st.tuples(st.integers(0, 3), st.integers(1, 4)).filter(lambda r: r[0] < r[1])


@given(ranges, ranges, ranges, st.booleans())
def test_crop_keeps_places(z: Any, y: Any, x: Any, on_disk: bool) -> None:
    volume = Volume(LazyArray.wrap(ARRAY) if on_disk else ARRAY, (2.0, 1.0, 0.5), origin=(10, 20, 30))
    part = volume.crop((z, slice(*y), x))
    assert part.is_lazy == on_disk
    np.testing.assert_array_equal(part.load().data, ARRAY[slice(*z), slice(*y), slice(*x)])
    assert part.origin == (10 + 2 * z[0], 20 + y[0], 30 + 0.5 * x[0])
    assert part.voxel_size == volume.voxel_size


def test_crop_without_voxel_size_counts_voxels() -> None:
    assert Volume(ARRAY).crop(((1, 4), None, (2, None))).origin == (1.0, 0.0, 2.0)


@pytest.mark.parametrize(
    "roi",
    [
        ((0, 5), None, None),
        ((2, 2), None, None),
        ((-1, 2), None, None),
        ((3, 1), None, None),
        ((0.5, 2), None, None),
        (slice(0, 4, 2), None, None),
        (3, None, None),
        (None, None),
        5,
    ],
)
def test_bad_roi(roi: Any) -> None:
    with pytest.raises(InputError, match="region"):
        check_roi(roi, ARRAY.shape)
