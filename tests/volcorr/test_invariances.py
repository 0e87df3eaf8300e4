"""What must not change an answer, for any motion and any noise.

Tolerances: the engine works in float32 with sums in a fixed order, so that what only renames voxels or grey values
leaves rounding (1e-7 of a grey value, some 1e-5 voxels where texture is noisy) times the few iterations; a start value
that differs in its last digits can end one iteration earlier, which is worth up to the tolerance of convergence. Those
tests run with a tolerance of 1e-5 (float32 does not reach 1e-6 on noisy texture), and compare at 1e-4 voxels.
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from acquisition import BlobTexture, Homogeneous, add_noise
from volcorr import Status, correlate
from volcorr.icgn import Matching, refine
from volcorr.windows import Grey

EDGE = 56
SHAPE = (EDGE,) * 3
MIDDLE = (27.5,) * 3
OPTIONS = {"subset_size": 17, "spacing": 11, "progress": False, "tolerance": 1e-5, "max_iterations": 60}
NAMES = ("u_z", "u_y", "u_x")
CLOSE = 1e-4
few = settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],  # a failure is not made smaller: each try takes a second
    suppress_health_check=[HealthCheck.too_slow],
)

slopes = st.lists(st.floats(-0.02, 0.02), min_size=9, max_size=9)
shifts = st.tuples(*[st.floats(-2, 2)] * 3)
seeds = st.integers(0, 100)


@pytest.fixture(scope="module")
def texture():
    return BlobTexture.random(SHAPE, rng=21)


@pytest.fixture(scope="module")
def make(texture):
    reference = texture.render(SHAPE)

    def pair(slope, shift, seed, snr=20):
        motion = Homogeneous(np.eye(3) + np.reshape(slope, (3, 3)), centre=MIDDLE, shift=tuple(shift))
        volumes = reference, texture.render(SHAPE, motion=motion)
        return [add_noise(v, snr=snr, rng=1000 * i + seed) for i, v in enumerate(volumes)]

    return pair


def arrays(fields):
    return np.stack([fields[name].values for name in NAMES])


def same(one, other, *, atol=CLOSE):
    np.testing.assert_array_equal(one["status"], other["status"])
    assert (one["status"] == Status.VALID).mean() > 0.9
    np.testing.assert_allclose(arrays(one), arrays(other), atol=atol)
    np.testing.assert_allclose(one["cc"], other["cc"], atol=1e-5)


@given(slopes, shifts, seeds, st.permutations([0, 1, 2]), st.lists(st.booleans(), min_size=3, max_size=3))
@example([-0.0117, 0.02, 0, 0, -0.0057, 0.0185, 0.0178, 0, 0], (-1.1934, 1.998, -0.662), 50, [2, 0, 1], [False] * 3)
@example(
    [-0.00029443, -0.01372398, 0.0046049406, 0.0015229, 0.0015866, 0, -0.0017707713, 0, -0.0104613265],
    (1.96999157, -0.81720379, -1.20332981),
    59,
    [1, 2, 0],
    [True, True, False],
)
@few
def test_axes_may_be_exchanged_and_flipped(make, slope, shift, seed, order, flips):
    """Exact where subsets keep clear of the faces.

    Within three voxels of a face, which voxels of a subset count depends on the orientation, and they may come and go
    from step to step: answers differ by up to half a sigma, and at this tolerance single points do not converge.
    """
    pair = make(slope, shift, seed)
    flipped = tuple(axis for axis, flip in enumerate(flips) if flip)

    def turn(values):
        return np.flip(np.transpose(values, order), flipped)

    # an odd number of voxels between the outermost points: the grid is its own mirror image
    fields, other = correlate(*pair, **OPTIONS), correlate(*(turn(v) for v in pair), **OPTIONS)
    points = np.stack(np.meshgrid(fields.z, fields.y, fields.x, indexing="ij"), -1)
    motion = Homogeneous(np.eye(3) + np.reshape(slope, (3, 3)), centre=MIDDLE, shift=tuple(shift))
    target = points + motion.displacement(points)
    clear = turn((np.minimum(target, EDGE - 1 - target).min(axis=-1) - 8) >= 3)
    one, two = turn(fields["status"].values), other["status"].values
    assert clear.sum() >= 8
    assert (one[clear] == Status.VALID).all()
    assert (two[clear] == Status.VALID).all()
    both = (one == Status.VALID) & (two == Status.VALID)
    assert both.mean() > 0.9
    for new, old in enumerate(order):
        expected = (-1 if flips[new] else 1) * turn(fields[NAMES[old]].values)
        difference = np.abs(other[NAMES[new]].values - expected)
        assert difference[clear].max() < CLOSE
        uncertain = turn(fields[f"sigma_{'zyx'[old]}"].values)
        assert (difference[both] < 0.5 * uncertain[both] + CLOSE).all()
        # one correction looks at every third plane along z
        np.testing.assert_allclose(other[f"sigma_{'zyx'[new]}"].values[clear], uncertain[clear], rtol=0.03)


@given(slopes, shifts, seeds, st.floats(1e-3, 1e3), st.floats(-1e4, 1e4), st.floats(0.1, 10), st.floats(-1e3, 1e3))
@few
def test_scale_and_offset_of_either_grey_do_not_matter(
    make, slope, shift, seed, scale, offset, other_scale, other_offset
):
    pair = [v.astype(np.float64) for v in make(slope, shift, seed)]
    changed = [scale * (pair[0] + offset), other_scale * pair[1] + other_offset]
    same(correlate(*pair, **OPTIONS), correlate(*changed, **OPTIONS))


@given(slopes, shifts, seeds, st.tuples(*[st.integers(0, 4)] * 3))
@few
def test_where_the_window_of_the_scanner_lies_does_not_matter(make, slope, shift, seed, low):
    """Both volumes cut alike: the same points, with what they need around them, give the same."""
    pair = make(slope, np.clip(shift, -1, 1), seed)
    cut = [v[tuple(slice(a, a + 52) for a in low)] for v in pair]
    roi = tuple((22, 36) for _ in range(3))
    whole = correlate(*pair, **OPTIONS | {"spacing": 6}, roi=roi)
    part = correlate(
        *cut, **OPTIONS | {"spacing": 6}, roi=tuple((a - b, c - b) for (a, c), b in zip(roi, low, strict=True))
    )
    for axis, name in enumerate("zyx"):
        np.testing.assert_array_equal(whole[name], part[name] + low[axis])
    # the mean grey of the cut is another one, and the mirror at its faces reaches a little into it
    same(whole, part, atol=1e-3)


@given(slopes, seeds, st.tuples(*[st.integers(-3, 3)] * 3))
@few
def test_a_shift_of_whole_voxels_adds_to_the_field(make, slope, seed, shift):
    pair = make(slope, (0.3, -0.2, 0.1), seed)
    inner = tuple(slice(4, EDGE - 4) for _ in range(3))
    moved = tuple(slice(4 - s, EDGE - 4 - s) for s in shift)
    plain = correlate(pair[0][inner], pair[1][inner], **OPTIONS)
    other = correlate(pair[0][inner], pair[1][moved], **OPTIONS)
    both = (plain["status"].values == 0) & (other["status"].values == 0)
    # points whose deformed subset keeps clear of the faces in both
    for axis, name in enumerate("zyx"):
        place = plain[name].values
        clear = (place - 8 - 6 >= 0) & (place + 8 + 6 < EDGE - 8)
        both &= np.expand_dims(clear, [a for a in range(3) if a != axis])
    difference = arrays(other) - arrays(plain) - np.reshape(shift, (3, 1, 1, 1))
    assert both.any()
    assert np.abs(difference[:, both]).max() < 1e-3


@given(slopes, shifts, seeds, st.integers(0, 2**31))
@few
def test_order_of_points_does_not_change_a_bit(make, slope, shift, seed, order_seed):
    pair = make(slope, shift, seed)
    greys = [Grey(v, float(v.mean()), float(v.std()), True) for v in pair]
    axis = np.arange(12, 44, 8)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    start = np.zeros((len(points), 3, 4))
    start[:, :, 0] = np.asarray(shift)
    order = np.random.default_rng(order_seed).permutation(len(points))[:40]
    matching = Matching(half=(8, 8, 8))
    whole, part = (
        refine(*greys, points, start, matching),
        refine(*greys, points[order], start[order], matching, threads=2),
    )
    for name in ("parameters", "cc", "sigma", "iterations", "share", "status"):
        np.testing.assert_array_equal(getattr(whole, name)[order], getattr(part, name))


@given(slopes, shifts, seeds, st.integers(1, 4), st.sampled_from([3_000_000, 6_000_000, 1 << 33]))
@few
def test_threads_and_memory_do_not_change_a_bit(make, slope, shift, seed, threads, memory):
    """Memory that leaves the levels whole: how many levels there are is part of the method."""
    pair = make(slope, shift, seed)
    plain = correlate(*pair, **OPTIONS, threads=1)
    other = correlate(*pair, **OPTIONS, threads=threads, memory=memory)
    for name in (*NAMES, "cc", "sigma_z", "status", "iterations"):
        np.testing.assert_array_equal(plain[name], other[name])


@given(slopes, shifts, seeds)
@few
def test_there_and_back_again(make, slope, shift, seed):
    """The motion from the second scan to the first undoes that from the first to the second."""
    pair = make(np.asarray(slope) / 4, shift, seed)
    there, back = correlate(*pair, **OPTIONS), correlate(*pair[::-1], **OPTIONS)
    slope = np.reshape(slope, (3, 3)) / 4
    inverse = np.linalg.inv(np.eye(3) + slope)
    points = np.stack(np.meshgrid(there.z, there.y, there.x, indexing="ij"), -1)
    expected = (points - np.asarray(shift) - MIDDLE) @ inverse.T + MIDDLE - points
    error = np.moveaxis(arrays(back), 0, -1) - expected
    inside = (back["status"].values == 0) & (there["status"].values == 0)
    assert inside.mean() > 0.8
    assert np.abs(error[inside]).max() < 0.03  # noise of SNR 20 in subsets of 17


def test_no_motion_is_none(make):
    """A volume against itself: nothing moved, to the last digit that matters."""
    reference, _ = make([0.0] * 9, (0, 0, 0), 0)
    fields = correlate(reference, reference, **OPTIONS)
    assert (fields["status"] == Status.VALID).all()
    assert np.abs(arrays(fields)).max() < 1e-6
    assert float(fields["cc"].min()) > 1 - 1e-6
