import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from volcorr.parts import PARTS, parts_disagree

VOXELS = 100


def sums(left, numbers=VOXELS):
    left = np.broadcast_to(left, (1, *PARTS)).astype(float)
    numbers = np.broadcast_to(numbers, left.shape).astype(float)
    return np.stack([left * numbers, numbers], axis=-1)


@given(seed=st.integers(0, 2**31), noise=st.floats(1e-6, 0.5))
@settings(max_examples=50, deadline=None)
def test_noise_leaves_the_same_everywhere(seed, noise):
    left = noise * np.random.default_rng(seed).chisquare(VOXELS, PARTS) / VOXELS
    assert not parts_disagree(sums(left), np.array([1 - left.mean() / 2]), VOXELS).any()


def test_one_part_of_other_texture_is_seen_and_its_place_does_not_matter():
    for place in np.ndindex(PARTS):
        left = np.full(PARTS, 0.01)
        left[place] = 2.0
        assert parts_disagree(sums(left), np.array([1 - left.mean() / 2]), VOXELS).all()


def test_what_little_is_left_of_a_good_match_does_not_count():
    left = np.full(PARTS, 1e-6)
    left[0, 0, 0] = 0.05  # 2.5 % of what unrelated texture leaves
    assert not parts_disagree(sums(left), np.array([1 - left.mean() / 2]), VOXELS).any()


def test_a_part_with_few_voxels_is_not_judged():
    left, numbers = np.full(PARTS, 0.01), np.full(PARTS, VOXELS)
    left[0, 0, 0], numbers[0, 0, 0] = 2.0, 20
    mean = (left * numbers).sum() / numbers.sum()
    assert not parts_disagree(sums(left, numbers), np.array([1 - mean / 2]), VOXELS).any()
    assert not parts_disagree(sums(left, 0), np.array([np.nan]), VOXELS).any()
