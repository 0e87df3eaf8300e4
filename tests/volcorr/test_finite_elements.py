"""Gradients of eight-node elements, against a plain loop over elements."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from volcorr.finite_elements import hexahedra_stencil
from volcorr.local_fit import LocalFit


@given(seed=st.integers(0, 2**31), missing=st.floats(0, 0.6))
@settings(max_examples=15, deadline=None)
def test_elements_against_a_plain_loop(seed, missing):
    rng = np.random.default_rng(seed)
    field = rng.normal(size=(3, 4, 3, 5))
    field[:, rng.random((4, 3, 5)) < missing] = np.nan
    found, _, good, _ = LocalFit(field, hexahedra_stencil((4, 3, 5))).whole()
    corner = [field[:, z : z + 3, y : y + 2, x : x + 4] for z in (0, 1) for y in (0, 1) for x in (0, 1)]
    nodes = np.stack(corner).reshape(2, 2, 2, 3, 3, 2, 4)
    sums, number = np.zeros((3, 3, 4, 3, 5)), np.zeros((4, 3, 5))
    for b in range(3):
        slope = np.diff(nodes, axis=b).mean(axis=(0, 1, 2))
        for z, y, x in np.ndindex(2, 2, 2):
            part = sums[b, :, z : z + 3, y : y + 2, x : x + 4]
            part += np.nan_to_num(slope)
            if b == 0:
                number[z : z + 3, y : y + 2, x : x + 4] += np.isfinite(slope).all(axis=0)
    assert np.array_equal(good, number > 0)
    np.testing.assert_allclose(found[:, :, good], (sums / np.maximum(number, 1))[:, :, good], atol=1e-12)


def test_elements_count_the_nodes_they_use():
    field = np.zeros((3, 3, 3, 3))
    field[:, 0, 0, 0] = np.nan
    count = LocalFit(field, hexahedra_stencil((3, 3, 3))).whole()[3]
    assert count[1, 1, 1] == 26
    assert count[2, 2, 2] == 8
    assert count[0, 0, 1] == 8 + 4 - 4  # one of its two elements is missing
