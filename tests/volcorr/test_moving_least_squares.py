"""Moving least squares on a grid with holes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from volcorr.moving_least_squares import MIN_SUPPORT, fit_polynomials

SHAPE = (7, 8, 9)


def nodes(shape=SHAPE):
    return np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), -1).reshape(-1, 3).astype(float)


def polynomial(places, coefficients):
    z, y, x = places.T
    terms = [np.ones_like(z), z, y, x, z * z, y * y, x * x, z * y, z * x, y * x]
    return sum(c * term for c, term in zip(coefficients, terms, strict=False))


def interpolate(places, values, there, shape=SHAPE):
    fit = fit_polynomials(places, there, shape)
    return fit.sum(fit.value, np.nan_to_num(values)[None])[0], fit


seeds = st.integers(0, 2**32 - 1)


@given(seed=seeds)
@settings(max_examples=20, deadline=None)
def test_a_quadratic_is_reproduced_with_its_slopes(seed):
    rng = np.random.default_rng(seed)
    c = rng.normal(size=10)
    places = rng.uniform(1, np.array(SHAPE) - 2, (50, 3))
    found, fit = interpolate(places, polynomial(nodes(), c), np.ones(len(nodes()), bool))
    np.testing.assert_allclose(found, polynomial(places, c), atol=1e-11)
    z, y, x = places.T
    slopes = [
        c[1] + 2 * c[4] * z + c[7] * y + c[8] * x,
        c[2] + 2 * c[5] * y + c[7] * z + c[9] * x,
        c[3] + 2 * c[6] * x + c[8] * z + c[9] * y,
    ]
    for axis, slope in enumerate(slopes):
        measured = fit.sum(fit.slope[:, axis], polynomial(nodes(), c)[None])[0]
        np.testing.assert_allclose(measured, slope, atol=1e-11)


@given(seed=seeds, share=st.floats(0.4, 1.0))
@settings(max_examples=30, deadline=None)
def test_a_linear_field_is_reproduced_around_holes_and_at_the_rim(seed, share):
    rng = np.random.default_rng(seed)
    c, there = rng.normal(size=4), rng.random(len(nodes())) < share
    places = rng.uniform(-0.6, np.array(SHAPE) - 0.4, (200, 3))
    values = np.where(there, polynomial(nodes(), c), np.nan)
    found, fit = interpolate(places, values, there)
    expected = polynomial(places, c)
    np.testing.assert_allclose(found[fit.good], expected[fit.good], atol=1e-11)
    assert np.isnan(found[~fit.good]).all()
    support = fit.weight.sum(axis=1)
    assert (support[fit.good] >= MIN_SUPPORT).all()
    np.testing.assert_allclose(fit.value.sum(axis=1)[fit.good], 1, atol=1e-12)
    np.testing.assert_allclose(fit.mean.sum(axis=1)[fit.good], 1, atol=1e-12)
    assert ((fit.value**2).sum(axis=1) < 5).all()  # noise is not blown up


def test_where_everything_is_there_the_weights_sum_to_one():
    places = np.random.default_rng(0).uniform(1, 5, (100, 3))
    fit = fit_polynomials(places, np.ones(len(nodes()), bool), SHAPE)
    np.testing.assert_allclose(fit.share.sum(axis=1), 1, atol=1e-14)
    assert fit.good.all()


@pytest.mark.parametrize(("z", "good"), [(-0.45, True), (-0.55, False), (6.45, True), (6.55, False), (40.0, False)])
def test_half_a_spacing_beyond_a_face_and_no_more(z, good):
    fit = fit_polynomials(np.array([[z, 4.0, 4.0]]), np.ones(len(nodes()), bool), SHAPE)
    assert fit.good[0] == good


def test_a_hole_of_one_node_is_bridged_and_one_of_eight_is_not():
    there = np.ones(SHAPE, bool)
    there[3, 4, 4] = False
    place = np.array([[3.0, 4.0, 4.0]])
    assert fit_polynomials(place, there.ravel(), SHAPE).good[0]
    there[3:5, 4:6, 4:6] = False
    assert not fit_polynomials(place + 0.5, there.ravel(), SHAPE).good[0]


@pytest.mark.parametrize("shape", [(1, 5, 5), (4, 1, 6), (2, 2, 2), (1, 1, 4), (1, 1, 1)])
def test_thin_grids(shape):
    c = np.array([1.0, 2.0, -3.0, 0.5]) * np.array([1, *(n > 1 for n in shape)])
    places = np.array([[(n - 1) * 0.5 + 0.3 * (n > 1) for n in shape]])
    found, fit = interpolate(places, polynomial(nodes(shape), c), np.ones(int(np.prod(shape)), bool), shape)
    assert found == pytest.approx(polynomial(places, c), abs=1e-12)
    away = places + np.where(np.array(shape) == 1, 0.6, 0.0)
    assert fit_polynomials(away, np.ones(int(np.prod(shape)), bool), shape).good[0] == (1 not in shape)
    for axis, number in enumerate(shape):
        if number == 1:
            assert not fit.slope[:, axis].any()
