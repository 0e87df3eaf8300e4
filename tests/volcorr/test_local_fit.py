"""Local fits: exact where they can be, least squares where they cannot, honest where points are missing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from volcorr.error_correlation import overlap_correlation
from volcorr.local_fit import LocalFit, Stencil, plane_blocks, polynomial_stencil


def polynomial(rng, degree, shape):
    """A random polynomial field and its gradient at every point, per step of the grid."""
    axes = np.meshgrid(*[np.arange(n) - n // 2 for n in shape], indexing="ij")
    field, slopes = np.zeros((3, *shape)), np.zeros((3, 3, *shape))
    for powers in np.ndindex(*(degree + 1,) * 3):
        if sum(powers) > degree:
            continue
        factor = rng.normal(size=3)[:, None, None, None]
        term = [x ** float(q) for x, q in zip(axes, powers, strict=True)]
        field += factor * np.prod(term, axis=0)
        for b, q in enumerate(powers):
            if q:
                rest = [*term]
                rest[b] = q * axes[b] ** float(q - 1)
                slopes[b] += factor * np.prod(rest, axis=0)
    return field, slopes


@pytest.mark.parametrize("order", [1, 2, 3])
@given(seed=st.integers(0, 2**31), gaps=st.sampled_from(["stop", "bridge"]))
@settings(max_examples=8, deadline=None)
def test_a_polynomial_is_found_exactly_whatever_is_missing(order, seed, gaps):
    rng = np.random.default_rng(seed)
    shape, edge = (5, 7, 6), 2 * order + 1
    field, slopes = polynomial(rng, order, shape)
    field[:, rng.random(shape) < 0.15] = np.nan
    stencil = polynomial_stencil((min(edge, 5), edge, edge), order=order, shape=shape, gaps=gaps)
    found, _, good, count = LocalFit(field, stencil).whole()
    there = np.isfinite(field).all(axis=0)
    assert good.any()
    assert not good[~there].any()
    assert np.array_equal(np.isfinite(found).all(axis=(0, 1)), good)
    assert ((count > 0) == there).all()
    np.testing.assert_allclose(found[:, :, good], slopes[:, :, good], atol=1e-8)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_the_fit_is_weighted_least_squares(order, missing):
    rng = np.random.default_rng(3)
    weights = rng.uniform(0.1, 1, (5, 5, 5))
    field = rng.normal(size=(3, 5, 5, 5))
    gone = rng.random((5, 5, 5)) < missing
    gone[2, 2, 2] = False
    field[:, gone] = np.nan
    stencil = polynomial_stencil((5, 5, 5), order=order, shape=(5, 5, 5), weights=weights)
    found = LocalFit(field, stencil).whole()[0][:, :, 2, 2, 2]
    root = np.sqrt(weights.ravel())[~gone.ravel()]
    design = stencil.basis[~gone.ravel()]
    expected = np.linalg.lstsq(design * root[:, None], field[:, ~gone].T * root[:, None], rcond=None)[0]
    np.testing.assert_allclose(found, expected[1:4], atol=1e-12)


def test_covariance_is_that_of_the_weighted_sum():
    """With missing points, uneven uncertainty and no overlap: the plain sum of squares."""
    rng = np.random.default_rng(5)
    field, sigma = rng.normal(size=(3, 3, 3, 3)), rng.uniform(0.5, 2, (3, 3, 3, 3))
    field[:, 0, 0, :2] = np.nan
    there = np.isfinite(field[0]).ravel()
    apart = overlap_correlation((9, 9, 9), (9, 9, 9), 3)
    stencil = polynomial_stencil((3, 3, 3), order=1, shape=(3, 3, 3))
    covariance = LocalFit(field, stencil, sigma=sigma, lags=apart).whole()[1][..., 1, 1, 1]
    c = np.linalg.pinv(stencil.basis[there])[1:]
    for a in range(3):
        exact = (c * sigma[a].ravel()[there] ** 2) @ c.T
        np.testing.assert_allclose(np.diag(covariance[a]), np.diag(exact), rtol=1e-12)


def test_covariance_of_overlapping_subsets():
    """Against the sum over all pairs of points, with missing points and three different overlaps."""
    rng = np.random.default_rng(6)
    field = rng.normal(size=(3, 5, 5, 5))
    field[:, rng.random((5, 5, 5)) < 0.2] = np.nan
    field[:, 2, 2, 2] = 0
    there = np.isfinite(field[0]).ravel()
    for quadratic in (False, True):
        lags = overlap_correlation((33, 21, 9), (16, 7, 8), 5, quadratic=quadratic)
        stencil = polynomial_stencil((5, 5, 5), order=1, shape=(5, 5, 5))
        found = LocalFit(field, stencil, sigma=np.full((3, 5, 5, 5), 2.0), lags=lags).whole()[1]
        places = np.indices((5, 5, 5)).reshape(3, -1).T[there]
        apart = np.abs(places[:, None] - places[None])
        rho = sum(t[0][apart[..., 0]] * t[1][apart[..., 1]] * t[2][apart[..., 2]] for t in lags)
        c = np.linalg.pinv(stencil.basis[there])[1:]
        np.testing.assert_allclose(found[1, :, :, 2, 2, 2], 4 * c @ rho @ c.T, atol=1e-12)


def test_a_window_stops_at_a_crack():
    """The two sides of a missing plane open by 5: only what is connected counts."""
    field = np.zeros((3, 7, 5, 5))
    field[0, 4:] = 5.0
    field[:, 3] = np.nan
    for gaps, expected in (("stop", 0.0), ("bridge", 1.0)):
        stencil = polynomial_stencil((5, 5, 5), order=1, shape=(7, 5, 5), gaps=gaps)
        slopes, _, good, count = LocalFit(field, stencil).whole()
        assert good[2, 2, 2]
        assert (abs(slopes[0, 0, 2, 2, 2]) > 0.5) == bool(expected)
        assert count[2, 2, 2] == (75 if gaps == "stop" else 100)


def test_points_around_a_corner_count():
    field = np.zeros((3, 3, 3, 3))
    field[:, 1, 1, 2] = np.nan  # the straight way to (1, 1, 2) only
    stencil = polynomial_stencil((3, 3, 3), order=1, shape=(3, 3, 3), gaps="stop")
    assert LocalFit(field, stencil).whole()[3][1, 1, 1] == 26
    field[:, 0, 1, 2] = field[:, 1, 0, 2] = field[:, 2, 1, 2] = field[:, 1, 2, 2] = np.nan
    assert LocalFit(field, stencil).whole()[3][1, 1, 1] == 22  # the corners are reached along the other faces


def test_blocks_cover_the_grid_and_do_not_change_the_answer():
    blocks = plane_blocks((100, 100, 100))
    assert [b.start for b in blocks[1:]] == [b.stop for b in blocks[:-1]]
    assert (blocks[0].start, blocks[-1].stop) == (0, 100)
    assert len(plane_blocks((2, 1000, 1000))) == 2
    field = np.random.default_rng(0).normal(size=(3, 6, 4, 4))
    fit = LocalFit(field, polynomial_stencil((3, 3, 3), order=1, shape=(6, 4, 4)))
    whole = fit.whole(threads=2)[0]
    for z in range(6):
        assert np.array_equal(fit.planes(slice(z, z + 1))[0][:, :, 0], whole[:, :, z], equal_nan=True)


def test_a_stencil_that_its_own_points_do_not_span_gives_nothing():
    basis = np.ones((27, 2))  # the same function twice
    stencil = Stencil((3, 3, 3), basis, np.ones(27), np.array([0]), 2, "bridge")
    assert stencil.complete is None
    estimate, covariance, good, count = LocalFit(np.zeros((3, 3, 3, 3)), stencil).whole()
    assert np.isnan(estimate).all()
    assert covariance is None
    assert not good.any()
    assert not count.any()


def test_an_unknown_uncertainty_makes_that_of_its_windows_unknown():
    sigma = np.ones((3, 5, 5, 5))
    sigma[0, 0, 0, 0] = np.inf
    stencil = polynomial_stencil((3, 3, 3), order=1, shape=(5, 5, 5))
    lags = overlap_correlation((9, 9, 9), (4, 4, 4), 3)
    covariance = LocalFit(np.zeros((3, 5, 5, 5)), stencil, sigma=sigma, lags=lags).whole()[1]
    unknown = np.isnan(covariance).any(axis=(0, 1, 2))
    assert unknown[:2, :2, :2].all()
    assert unknown.sum() == 8
