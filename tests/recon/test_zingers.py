"""Zingers are found in counts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recon import zingers
from recon.zingers import remove_zingers
from volio.errors import InputError


def counts(seed: int = 0, shape: tuple[int, int, int] = (12, 20, 30)) -> np.ndarray:
    """Photons behind an edge that moves from projection to projection."""
    rng = np.random.default_rng(seed)
    n, _, columns = shape
    edge = np.arange(columns)[None, None, :] > 8 + np.arange(n)[:, None, None]
    return rng.poisson(np.broadcast_to(np.where(edge, 400.0, 2000.0), shape)).astype(np.float32)


def oracle(data: np.ndarray, threshold: float) -> tuple[np.ndarray, int]:
    """The definition, pixel by pixel."""
    out, replaced, w = data.copy(), 0, zingers.WINDOW
    for i in range(len(data)):
        scale, floor = zingers._noise(data, i)
        for r, c in np.ndindex(data.shape[1:]):
            times = [data[j, r, c] for j in range(max(i - w, 0), min(i + w + 1, len(data))) if j != i]
            block = data[i, max(r - w, 0) : r + w + 1, max(c - w, 0) : c + w + 1].ravel()
            here = list(block)
            here.remove(data[i, r, c])
            level = max(np.median(times), np.median(here))
            if data[i, r, c] - level > max(zingers.LEAST * level, threshold * scale * np.sqrt(max(level, floor))):
                out[i, r, c], replaced = level, replaced + 1
    return out, replaced


def test_hits_are_replaced_and_nothing_else() -> None:
    clean = counts()
    broken = clean.copy()
    hits = [(0, 0, 0), (3, 5, 7), (3, 5, 8), (6, 19, 29), (11, 10, 15)]
    for hit in hits:
        broken[hit] += 3000
    found = remove_zingers(broken)
    assert found.replaced == len(hits)
    changed = np.argwhere(found.projections != broken)
    assert sorted(map(tuple, changed)) == sorted(hits)
    for hit in hits:
        assert abs(found.projections[hit] - clean[hit]) < 6 * np.sqrt(2000) or hit[2] > 7
    assert remove_zingers(clean).replaced == 0


def test_kernel_agrees_with_the_definition() -> None:
    data = counts(3, (6, 7, 9))
    data[np.random.default_rng(1).random(data.shape) < 0.03] *= 4
    expected, replaced = oracle(data, 5.0)
    found = remove_zingers(data, threshold=5.0)
    assert replaced > 5
    assert found.replaced == replaced
    assert np.allclose(found.projections, expected, rtol=1e-6)


def test_a_bright_point_of_the_detector_is_no_zinger() -> None:
    data = counts()
    data[:, 4, 25] *= 5
    assert remove_zingers(data).replaced == 0


def test_noise_is_that_of_photons() -> None:
    data = np.random.default_rng(0).poisson(900, (3, 200, 200)).astype(np.float32)
    scale, floor = zingers._noise(data, 1)
    assert scale == pytest.approx(1, abs=0.05)
    assert floor == pytest.approx(9, abs=0.1)


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 11), st.sampled_from([0.25, 2.0, 16.0]), st.integers(0, 100))
def test_blocks_with_neighbours_and_scale_change_nothing(cut: int, scale: float, seed: int) -> None:
    data = counts(seed)
    data[np.random.default_rng(seed).random(data.shape) < 0.01] += 5000
    whole = remove_zingers(data)
    w = zingers.WINDOW
    first = remove_zingers(data[: cut + w], stop=cut)
    start = max(cut - w, 0)
    second = remove_zingers(data[start:], first=cut - start)
    assert np.array_equal(np.concatenate([first.projections, second.projections]), whole.projections)
    assert first.replaced + second.replaced == whole.replaced
    # powers of two scale floats exactly, but for the root in the noise
    assert abs(remove_zingers(data * np.float32(scale)).replaced - whole.replaced) <= 1


def test_faults_are_one_line() -> None:
    with pytest.raises(InputError, match="2 or more projections"):
        remove_zingers(np.ones((1, 4, 4)))
    with pytest.raises(InputError, match="must be positive, got 0"):
        remove_zingers(np.ones((3, 4, 4)), threshold=0)
