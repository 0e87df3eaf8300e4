"""Rings removed by blocks of rows."""

from functools import partial

import numpy as np
import pytest

from recon import rings
from recon.rings import remove_rings
from recon.sorted_stripes import remove_all_stripes, remove_stripes_by_sorting
from volio.errors import InputError
from volio.lazy import LazyArray


@pytest.fixture
def projections() -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.normal(1, 0.05, (160, 5, 150)) + rng.normal(0, 0.1, (5, 150))).astype(np.float32)


@pytest.mark.parametrize("method", ["all", "sorting", "filtering", "wavelets", "regularization"])
def test_every_method_takes_stripes_off(projections: np.ndarray, method: str) -> None:
    before, after = (data.mean(axis=0).std() for data in (projections, remove_rings(projections, method=method)))
    assert after < 0.65 * before


@pytest.mark.parametrize("depth", [1, 2, 5])
@pytest.mark.parametrize("threads", [1, 3])
def test_blocks_threads_and_disk_change_nothing(
    projections: np.ndarray, depth: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = remove_all_stripes(projections.transpose(1, 0, 2)).transpose(1, 0, 2)
    monkeypatch.setattr(rings, "BLOCK_BYTES", 4 * 160 * 150 * depth)
    lazy = LazyArray(lambda box: projections[box], projections.shape, projections.dtype)
    assert np.array_equal(remove_rings(lazy, threads=threads), whole)
    out = projections.copy()
    assert remove_rings(out, out=out, threads=threads) is out
    assert np.array_equal(out, whole)


def test_a_function_with_options_is_a_method(projections: np.ndarray) -> None:
    found = remove_rings(projections, method=partial(remove_stripes_by_sorting, width=5))
    expected = remove_stripes_by_sorting(projections.transpose(1, 0, 2), width=5)
    assert np.array_equal(found, expected.transpose(1, 0, 2))


def test_faults_are_one_line(projections: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"method must be one of all, sorting, .* or a function, got 'magic'"):
        remove_rings(projections, method="magic")
    with pytest.raises(InputError, match="3 axes"):
        remove_rings(projections[0])
    with pytest.raises(InputError, match="out must have the shape"):
        remove_rings(projections, out=np.empty((2, 3, 4), np.float32))
    with pytest.raises(InputError, match="out must hold real numbers such as float32, got int16"):
        remove_rings(projections, out=np.empty(projections.shape, np.int16))
