"""Flats and darks."""

import numpy as np
import pytest

from recon.flat_field import assume_flat_field, estimate_flat_field
from volio.errors import InputError


def images(*levels: float, shape: tuple[int, int] = (3, 5)) -> np.ndarray:
    return np.stack([np.full(shape, level, np.float32) for level in levels])


def test_the_median_of_flats_and_darks_is_taken() -> None:
    field = estimate_flat_field(images(100, 104, 5000), images(10, 12, 900), positions=[0, 0, 0])
    assert np.all(field.dark == 12)
    assert np.all(field.responses == 104 - 12)
    assert field.assumptions == ()


def test_response_is_interpolated_between_groups_and_constant_beyond() -> None:
    # groups before projection 0, between 9 and 10, and after 19
    field = estimate_flat_field(images(100, 100, 200, 200, 300), images(0), positions=[0, 0, 10, 10, 20])
    assert field.responses.shape[0] == 3
    # a group at position p stands between the projections p - 1 and p
    times = np.array([-0.5, 9.5, 19.5])
    for index in (0, 3, 9, 10, 15, 19):
        expected = np.interp(index, times, [100, 200, 300])
        assert field.at(index)[1, 2] == pytest.approx(expected, rel=1e-6)
    assert np.all(estimate_flat_field(images(100, 200), positions=[5, 6]).at(0) == 100)
    assert np.all(estimate_flat_field(images(100, 200), positions=[5, 6]).at(40) == 200)


def test_the_order_of_groups_does_not_matter() -> None:
    one = estimate_flat_field(images(100, 300), images(5), positions=[0, 20])
    other = estimate_flat_field(images(300, 100), images(5), positions=[20, 0])
    assert np.array_equal(one.at(7), other.at(7))


def test_large_stacks_are_read_in_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    flats = rng.uniform(90, 110, (5, 7, 4)).astype(np.float32)
    whole = estimate_flat_field(flats)
    monkeypatch.setattr("recon.flat_field.PIXELS_AT_ONCE", 8)
    assert np.array_equal(estimate_flat_field(flats).responses, whole.responses)
    assert np.array_equal(whole.responses[0], np.median(flats, axis=0))


def test_what_is_missing_is_said() -> None:
    notes = estimate_flat_field(images(100)).assumptions
    assert len(notes) == 2
    assert "no darks" in notes[0]
    assert "one constant beam" in notes[1]


def test_without_flats_the_brightest_hundredth_is_the_beam() -> None:
    counts = np.full((4, 10, 100), 50.0, np.float32)
    counts[2, :, :5] = 210
    field = assume_flat_field(counts, images(10, shape=(10, 100)))
    assert np.all(field.at(3) == 200)
    assert "even beam of 200 counts is assumed" in field.assumptions[0]
    with pytest.raises(InputError, match="brightest hundredth of the projections is 0 counts above the darks"):
        assume_flat_field(np.zeros((3, 4, 5)))


@pytest.mark.parametrize(
    ("flats", "darks", "positions", "message"),
    [
        (images(10, 10), images(100), None, "100 % of the pixels count no more with beam than without .* swapped"),
        (images(0, 0), None, None, "are the flats empty"),
        (images(10), images(1, shape=(2, 5)), None, r"darks have 2 x 5 pixels, flats 3 x 5"),
        (images(np.nan, 3), images(1), None, "flats hold 15 values that are NaN or infinite in rows 0 to 2"),
        (images(9), images(np.inf), None, "darks hold 15 values"),
        (images(9, 9), images(1), [1], "positions must be 2 numbers, one a flat"),
    ],
)  # fmt: skip
def test_faults_are_one_line(flats, darks, positions, message) -> None:
    with pytest.raises(InputError, match=message) as caught:
        estimate_flat_field(flats, darks, positions=positions)
    assert "\n" not in str(caught.value)
