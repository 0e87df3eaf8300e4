import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from porosity import flood
from porosity.distance import inner_part, new_map
from porosity.flood import FACES, build_graph
from volio import InputError


def brute_flood(values: np.ndarray, face: str) -> np.ndarray:
    """Return the widest way level by level: what hangs together with the face at a level is reached at it."""
    out = np.zeros(values.shape, int)
    place: list = [slice(None)] * 3
    place["zyx".index(face[0])] = 0 if face[1] == "-" else -1
    for level in np.unique(values[values > 0]):
        numbers, _ = ndimage.label(values >= level)
        out[np.isin(numbers, np.setdiff1d(numbers[tuple(place)], 0))] = level
    return out


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.integers(1, 12)] * 3), st.integers(0, 10**6), st.integers(1, 9), st.sampled_from(FACES))
def test_the_flood_is_the_widest_way(shape, seed, most, face) -> None:
    """Plateaus, walls and noise: any values, not only distances."""
    values = np.random.default_rng(seed).integers(0, most + 1, shape)
    field = new_map(shape, "uint16")
    inner_part(field)[:] = values
    for threads in (1, 3):
        graph = build_graph(field, threads=threads)
        flooded = inner_part(graph.flood(graph.fill((face,)), threads=threads))
        np.testing.assert_array_equal(flooded, brute_flood(values, face))


def test_more_voxels_than_can_be_numbered_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flood, "inner_part", lambda field: np.broadcast_to(np.uint8(0), (2000, 2000, 2000)))
    with pytest.raises(InputError, match="crop the volume"):
        build_graph(new_map((2, 2, 2), "uint16"), threads=1)
