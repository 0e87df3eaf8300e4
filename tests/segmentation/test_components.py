import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from segmentation.components import find_components
from volio import InputError


@settings(deadline=None, max_examples=30)
@given(
    shape=st.tuples(*[st.integers(1, 14)] * 3),
    edge=st.integers(2, 9),
    density=st.floats(0.0, 0.7),
    connectivity=st.sampled_from([6, 18, 26]),
    seed=st.integers(0, 99),
)
def test_blocks_joined_are_the_whole(shape, edge, density, connectivity, seed) -> None:
    rng = np.random.default_rng(seed)
    inside, marks = rng.random(shape) < density, rng.random(shape) < 0.1
    structure = ndimage.generate_binary_structure(3, {6: 1, 18: 2, 26: 3}[connectivity])
    numbers, count = ndimage.label(inside, structure)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("segmentation.components.EDGE", edge)
        found = find_components(inside, marks=marks, connectivity=connectivity, threads=2)
        np.testing.assert_array_equal(found.sizes, np.bincount(numbers.reshape(-1))[1:])
        for number in range(count):
            part = numbers == number + 1
            assert found.marked[number] == marks[part].any()
            assert found.border[number] == any(part.take(side, axis).any() for axis in range(3) for side in (0, -1))
        keep = rng.random(count) < 0.5
        expected = np.concatenate([[False], keep])[numbers]
        kept = found.where(keep)
        np.testing.assert_array_equal(kept[:], expected)
        np.testing.assert_array_equal(kept[1:, :, : shape[2] // 2], expected[1:, :, : shape[2] // 2])


def test_the_first_of_two_largest_is_taken() -> None:
    inside = np.array([1, 1, 0, 1, 0, 1, 1], bool).reshape(1, 1, 7)
    np.testing.assert_array_equal(find_components(inside).largest(), [True, False, False])
    assert find_components(np.zeros((2, 2, 2), bool)).largest().size == 0


def test_bad_connectivity_is_one_line() -> None:
    with pytest.raises(InputError, match="connectivity must be 6, 18 or 26 neighbours, got 4"):
        find_components(np.ones((2, 2, 2)), connectivity=4)  # type: ignore[arg-type]
