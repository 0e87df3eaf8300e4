"""The correlation of the errors of overlapping subsets, against the noise itself."""

import numpy as np
import pytest
from scipy.ndimage import correlate

from volcorr.error_correlation import gaussian, overlap_correlation, smooth_correlation


def test_overlap_is_the_shared_part_of_the_subset():
    lags = overlap_correlation((33, 21, 9), (16, 16, 16), 4)
    assert lags.shape == (1, 3, 4)
    np.testing.assert_allclose(lags[0, 0], [1, 17 / 33, 1 / 33, 0])
    np.testing.assert_allclose(lags[0, 1], [1, 5 / 21, 0, 0])
    np.testing.assert_allclose(lags[0, 2], [1, 0, 0, 0])


def centre_weights(size, quadratic):
    """Weight of each voxel of a subset in the displacement of its centre, by least squares."""
    z, y, x = np.indices((size,) * 3).reshape(3, -1) - size // 2
    columns = [np.ones(size**3), z, y, x]
    if quadratic:
        columns += [z * z, y * y, x * x, z * y, z * x, y * x]
    design = np.stack(columns, axis=1).astype(float)
    return np.linalg.pinv(design)[0].reshape((size,) * 3)


@pytest.mark.parametrize("quadratic", [False, True])
def test_correlation_is_that_of_the_least_squares_weights(quadratic):
    size, step = 7, 2
    weights = centre_weights(size, quadratic)
    lags = overlap_correlation((size,) * 3, (step,) * 3, 4, quadratic=quadratic)
    for lag in [(0, 0, 0), (1, 0, 0), (0, 2, 1), (1, 1, 1), (3, 1, 0), (3, 3, 3)]:
        d = step * np.array(lag)
        one, two = (tuple(slice(s * n, size + (s - 1) * n) for n in d) for s in (0, 1))
        one = tuple(slice(0, size - n) for n in d)
        exact = (weights[two] * weights[one]).sum() / (weights**2).sum()
        found = sum(np.prod([term[a, lag[a]] for a in range(3)]) for term in lags)
        assert found == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize("quadratic", [False, True])
def test_correlation_after_smoothing(quadratic):
    reach, sigma, count = (2, 1, 0), (0.8, 0.5, 0.0), 3
    lags = overlap_correlation((9, 9, 9), (4, 4, 4), count + 4, quadratic=quadratic)
    found = smooth_correlation(lags, sigma, reach)
    kernel = np.einsum("i,j,k->ijk", *(gaussian(s, r) for s, r in zip(sigma, reach, strict=True)))
    places = np.indices((13, 13, 13)) - 6
    rho = sum(
        t[0][abs(places[0])] * t[1][abs(places[1])] * t[2][abs(places[2])]
        for t in np.pad(lags, [(0, 0), (0, 0), (0, 7 - lags.shape[2])])
    )
    smooth = correlate(correlate(rho, kernel, mode="constant"), kernel, mode="constant")
    smooth /= smooth[6, 6, 6]
    for lag in [(0, 0, 0), (1, 0, 0), (2, 1, 0), (0, 1, 1)]:
        value = sum(np.prod([term[a, lag[a]] for a in range(3)]) for term in found)
        assert value == pytest.approx(smooth[tuple(6 + n for n in lag)], abs=1e-12)


def test_gaussian():
    assert gaussian(1.0, 3).sum() == pytest.approx(1)
    assert list(gaussian(0.0, 1)) == [0, 1, 0]
    assert list(gaussian(0.5, 0)) == [1]


def test_a_subset_of_one_voxel():
    np.testing.assert_allclose(overlap_correlation((1, 1, 1), (1, 1, 1), 2, quadratic=True)[0, 0], [1, 0])
