import numpy as np
import pytest

from segmentation import compare_labels, flatten_background, flatten_beam_hardening, threshold
from volio import InputError, LazyArray, Volume


def spread(found: np.ndarray, truth: np.ndarray) -> float:
    """Standard deviation of the bright phase over 8 x 8 x 8 cells, relative to its mean."""
    size = [n // 8 * 8 for n in found.shape]
    cells = [a[: size[0], : size[1], : size[2]].reshape(size[0] // 8, 8, size[1] // 8, 8, size[2] // 8, 8) for a in
             (found * truth, truth)]  # fmt: skip
    total, count = (c.sum(axis=(1, 3, 5)) for c in cells)
    means = total[count > 150] / count[count > 150]
    return float(means.std() / means.mean())


@pytest.fixture(scope="module")
def shading(phantom) -> np.ndarray:
    z, y, x = (np.linspace(-1, 1, n).reshape(s) for n, s in zip(phantom.grey.shape, np.eye(3, dtype=int) * -2 + 1, strict=True))  # fmt: skip # noqa: E501
    return 1 + 0.2 * x + 0.1 * y - 0.15 * z**2 + 0.1 * x * y


@pytest.mark.parametrize("phase", ["bright", "dark"])
def test_a_smooth_background_is_taken_away(phantom, shading, phase) -> None:
    grey = Volume(phantom.grey * shading, voxel_size=0.5)
    found = flatten_background(grey, phase=phase)
    assert found.dtype == np.float32
    assert found.voxel_size == (0.5, 0.5, 0.5)
    assert spread(found.data, phantom.truth) < 0.35 * spread(grey.data, phantom.truth)
    truth = Volume(phantom.truth)
    assert compare_labels(threshold(found), truth).accuracy > compare_labels(threshold(grey), truth).accuracy


def test_an_added_background_is_subtracted(phantom, shading) -> None:
    grey = Volume(phantom.grey + 100 * shading)
    found = flatten_background(grey, mode="subtract", phase="dark").data
    assert np.std((found - phantom.grey).mean(axis=(0, 1))) < 1.0


def test_cupping_is_taken_away_about_the_axis(phantom) -> None:
    z, y, x = np.indices(phantom.grey.shape, sparse=True)
    radius = ((y - 20) ** 2 + (x - 30) ** 2) / 28.0**2
    cupped = Volume(phantom.grey * (0.8 + 0.2 * radius - 0.02 * radius**2 + 0 * z))
    found = flatten_beam_hardening(cupped, center=(20, 30))
    assert spread(found.data, phantom.truth) < 0.4 * spread(cupped.data, phantom.truth)
    assert found.metadata["flattening"]["center"] == [20.0, 30.0]


def test_all_voxels_of_an_even_volume() -> None:
    z, y, x = np.indices((20, 36, 40), sparse=True)
    found = flatten_background(Volume(100.0 + x + 0.5 * y + 0 * z), order=1, phase="all").data
    np.testing.assert_allclose(found, found.mean(), rtol=1e-5)


def test_threads_files_and_masks(phantom, shading, tmp_path) -> None:
    grey = (phantom.grey * shading).astype(np.float32)
    mask = np.ones(grey.shape, bool)
    mask[:, :4] = False
    lazy = Volume(LazyArray(lambda box: grey[box], grey.shape, grey.dtype, chunks=(16, 52, 56)))
    found = flatten_background(lazy, mask=Volume(mask), threads=2)
    assert found.is_lazy
    stored = flatten_background(lazy, mask=Volume(mask), threads=1, target=tmp_path / "flat.ome.zarr")
    np.testing.assert_array_equal(found.data[:], stored.data[:])
    np.testing.assert_array_equal(found.data[:], flatten_background(Volume(grey), mask=Volume(mask)).data)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda v: flatten_background(v, order=5), "order must be a whole number from 1 to 4"),
        (lambda v: flatten_background(v, phase="grey"), "phase must be one of bright, dark, all"),
        (lambda v: flatten_background(v, mode="add"), "mode must be divide or subtract"),
        (lambda v: flatten_background(v, mask=np.ones((2, 2, 2))), "mask has shape"),
        (lambda v: flatten_beam_hardening(v, order=3), "order must be 2, 4, 6 or 8"),
        (lambda v: flatten_beam_hardening(v[:8, :8, :8]), "too few: lower the order"),
        (lambda v: flatten_background(v - 110.0), "reaches zero"),
        (lambda v: flatten_background(np.full((40, 40, 40), np.nan)), "NaN or infinite"),
        (lambda v: flatten_background(np.full((40, 40, 40), 2.0)), "nothing to tell apart"),
    ],
)
def test_bad_input_is_one_line(phantom, shading, call, message) -> None:
    with pytest.raises(InputError, match=message):
        call(phantom.grey * shading)
