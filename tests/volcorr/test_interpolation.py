"""B-spline coefficients and what is sampled from them, against SciPy."""

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from volcorr._kernels_sampling import sample_row
from volcorr.interpolation import SPLINES, Spline, find_spline, prefilter
from volio import InputError
from volio.simd import LANES, pointer

DEGREE = {"cubic": 3, "quintic": 5}
RNG = np.random.default_rng(1)
EDGE = 48
GREY = ndimage.gaussian_filter(RNG.normal(size=(EDGE,) * 3), 0.7)
GREY /= GREY.std()
CENTRE = 24


@numba.njit  # not cached on disk: a cached caller would keep the code of an older kernel
def sample(c, at, quintic, constant, slope, curvature, first, count, out):
    weights = np.empty(21 * LANES, np.float32)
    sy = c.shape[2]
    sz = sy * c.shape[1]
    sample_row(
        pointer(c), at, sz, sy, quintic, pointer(weights), constant, slope, curvature, first, count, pointer(out), 0
    )


def coefficients_of(grey, spline: Spline):
    """Coefficients of a mirrored volume by the kernel."""
    out = np.empty(grey.shape, np.float32)
    prefilter(np.pad(grey, spline.reach, mode="reflect").astype(np.float32), spline, out)
    return out


@pytest.fixture(scope="module", params=SPLINES)
def spline(request):
    return find_spline(request.param)


@pytest.fixture(scope="module")
def coefficients(spline):
    return ndimage.spline_filter(GREY, spline.degree, output=np.float64, mode="mirror").astype(np.float32)


# ---- prefilter


@given(name=st.sampled_from(SPLINES), shape=st.tuples(*[st.integers(21, 30)] * 3), seed=st.integers(0, 2**31))
@settings(max_examples=8, deadline=None)
def test_coefficients_are_those_of_scipy(name, shape, seed):
    grey = np.random.default_rng(seed).normal(size=shape)
    expected = ndimage.spline_filter(grey, DEGREE[name], output=np.float64, mode="mirror")
    # rounding in float32 and the cut-off of the filter, amplified by its gain for the finest texture
    gain = 3**3 if name == "cubic" else 7.5**3
    np.testing.assert_allclose(coefficients_of(grey, find_spline(name)), expected, atol=1e-6 * gain)


@given(
    st.tuples(*[st.integers(0, 9)] * 3),
    st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(8, 20)),
)
@settings(max_examples=15, deadline=None)
def test_a_coefficient_has_the_same_bits_wherever_the_slab_begins_and_ends(spline, low, shape):
    r = spline.reach
    grey = np.random.default_rng(0).normal(size=(21 + 2 * r, 21 + 2 * r, 29 + 2 * r)).astype(np.float32)
    whole = np.empty((21, 21, 29), np.float32)
    prefilter(grey, spline, whole)
    box = tuple(slice(a, a + n) for a, n in zip(low, shape, strict=True))
    part = np.empty(shape, np.float32)
    prefilter(grey[tuple(slice(b.start, b.stop + 2 * r) for b in box)], spline, part)
    np.testing.assert_array_equal(part, whole[box])


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_cosine_is_an_eigenfunction(spline, axis):
    """The gain of a wave is one over the sampled B-spline's, which is known in closed form."""
    n, omega = 36, np.pi * 12 / 35
    shape = [8, 8, 8]
    shape[axis] = n
    wave = np.broadcast_to(np.cos(omega * np.arange(n)), (8, 8, n))  # even about both faces
    grey = np.moveaxis(wave, -1, axis)
    c = np.cos(omega)
    gain = 3 / (2 + c) if spline.degree == 3 else 60 / (33 + 26 * c + np.cos(2 * omega))
    margins = [((spline.reach,) * 2 if a == axis else (0, 0)) for a in range(3)]
    wide = np.pad(grey, margins, mode="reflect")
    wide = np.pad(wide, [((0, 0) if a == axis else (spline.reach,) * 2) for a in range(3)], mode="edge")
    out = np.empty(shape, np.float32)
    prefilter(wide.astype(np.float32), spline, out)
    np.testing.assert_allclose(out, gain * grey, atol=3e-6)


def test_a_constant_stays(spline):
    """The taps keep a constant, so that a cut-off filter has no bias."""
    wide = np.full([n + 2 * spline.reach for n in (3, 4, 9)], 1.0, np.float32)
    out = np.empty((3, 4, 9), np.float32)
    prefilter(wide, spline, out)
    np.testing.assert_allclose(out, 1.0, atol=2e-6)


def test_the_slab_is_kept(spline):
    slab = RNG.normal(size=[n + 2 * spline.reach for n in (3, 4, 9)]).astype(np.float32)
    before = slab.copy()
    prefilter(slab, spline, np.empty((3, 4, 9), np.float32))
    np.testing.assert_array_equal(slab, before)


def test_what_lies_beyond_the_filter_does_not_matter(spline):
    """The share of a coefficient that the cut-off leaves out is below 2e-7 of the largest grey value."""
    assert spline.taps.shape == (spline.reach + 1,)
    assert abs(spline.taps[-1] / spline.taps[0]) < 3e-7


def test_unknown_splines_are_refused():
    with pytest.raises(InputError, match="spline must be one of cubic, quintic, got 'linear'"):
        find_spline("linear")


# ---- sampling


def interpolate(coefficients, spline, positions):
    return ndimage.map_coordinates(
        coefficients.astype(np.float64), positions, order=spline.degree, mode="mirror", prefilter=False
    )


def run_row(coefficients, spline, constant, slope, curvature, first, count):
    """Sample the row through the centre; return it and the exact positions (3, count)."""
    lanes = -(-count // LANES) * LANES
    out = np.full(lanes, 99.0, np.float32)
    at = (CENTRE * EDGE + CENTRE) * EDGE + CENTRE
    quintic = None if spline.degree == 3 else True
    sample(coefficients, at, quintic, tuple(constant), tuple(slope), tuple(curvature), first, count, out)
    x = first + np.arange(count)
    moved = np.array(constant)[:, None] + np.outer(slope, x) + np.outer(curvature, x * x)
    return out[:count], moved + CENTRE + np.array([0 * x, 0 * x, x])


shifts = st.tuples(*[st.floats(-4, 4)] * 3)


@given(shifts, st.tuples(*[st.floats(-0.4, 0.4)] * 3), st.integers(4, 20))
@settings(max_examples=120, deadline=None)
def test_a_row_is_what_scipy_interpolates(spline, coefficients, constant, slope, half):
    """Steep rows change the integer position many times within a vector, on all axes."""
    found, positions = run_row(
        coefficients, spline, constant, np.multiply(slope, 16 / max(half, 8)), (0.0,) * 3, -half, 2 * half + 1
    )
    inside = (positions >= 4).all(axis=0) & (positions <= EDGE - 5).all(axis=0)
    # 2e-6 voxels of rounding in positions times a slope of about one
    np.testing.assert_allclose(found[inside], interpolate(coefficients, spline, positions)[inside], atol=5e-5)


@given(
    shifts,
    st.tuples(*[st.floats(-0.2, 0.2)] * 3),
    st.tuples(*[st.floats(-0.02, 0.02)] * 3),
    st.integers(4, 12),
)
@settings(max_examples=120, deadline=None)
def test_a_curved_row_is_what_scipy_interpolates(spline, coefficients, constant, slope, curvature, half):
    """A row may turn within a vector: its ends do not tell which voxels it crosses."""
    found, positions = run_row(coefficients, spline, constant, slope, curvature, -half, 2 * half + 1)
    inside = (positions >= 4).all(axis=0) & (positions <= EDGE - 5).all(axis=0)
    np.testing.assert_allclose(found[inside], interpolate(coefficients, spline, positions)[inside], atol=5e-5)


@pytest.mark.parametrize("count", range(9, 42, 2))
def test_every_width_of_a_subset(spline, coefficients, count):
    found, positions = run_row(
        coefficients, spline, (0.3, -1.6, 0.45), (0.03, -0.02, 0.05), (0.0,) * 3, -(count // 2), count
    )
    inside = (positions >= 2).all(axis=0) & (positions <= EDGE - 4).all(axis=0)
    np.testing.assert_allclose(found[inside], interpolate(coefficients, spline, positions)[inside], atol=5e-5)
    assert inside.sum() >= min(count, 37)


def test_positions_on_voxels_give_the_grey_values(spline, coefficients):
    found, _ = run_row(coefficients, spline, (0.0, 0.0, 0.0), (0.0,) * 3, (0.0,) * 3, -10, 21)
    np.testing.assert_allclose(found, GREY[CENTRE, CENTRE, CENTRE - 10 : CENTRE + 11], atol=2e-5)
    found, _ = run_row(coefficients, spline, (3.0, -2.0, 5.0), (0.0,) * 3, (0.0,) * 3, -10, 21)
    np.testing.assert_allclose(found, GREY[CENTRE + 3, CENTRE - 2, CENTRE - 5 : CENTRE + 16], atol=2e-5)


@given(shifts, st.tuples(*[st.floats(-0.3, 0.3)] * 3), st.tuples(*[st.sampled_from([0.0, 0.01, -0.01])] * 3))
@settings(max_examples=60, deadline=None)
def test_missing_coefficients_make_missing_values_and_spoil_no_others(spline, coefficients, constant, slope, curvature):
    """A value whose support holds a NaN is NaN, even where its weight is next to nothing; no other one is touched."""
    holed = coefficients.copy()
    holed[np.random.default_rng(2).random(holed.shape) < 2e-3] = np.nan
    found, positions = run_row(holed, spline, constant, slope, curvature, -8, 17)
    clean, _ = run_row(coefficients, spline, constant, slope, curvature, -8, 17)
    base = np.floor(positions).astype(int)
    certain = (np.abs(positions - np.rint(positions)) > 1e-5).all(axis=0)  # rounding cannot move them to another voxel
    for i in np.flatnonzero(certain):
        box = tuple(slice(b - spline.before, b + spline.behind + 1) for b in base[:, i])
        if np.isnan(holed[box]).any():
            assert np.isnan(found[i])
    kept = np.isfinite(found)
    np.testing.assert_array_equal(found[kept], clean[kept])
    # shared supports are one voxel longer: what lies next to a hole may be lost as well, what lies further may not
    for i in np.flatnonzero(certain & ~kept):
        box = tuple(slice(b - spline.before - 1, b + spline.behind + 2) for b in base[:, i])
        assert np.isnan(holed[box]).any()
