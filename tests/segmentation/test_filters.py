from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from segmentation import (
    blockwise,
    diffuse,
    estimate_noise,
    filters,
    sharpen,
    smooth_gaussian,
    smooth_median,
    smooth_nonlocal,
)
from volio import InputError, LazyArray, Volume

CALLS = {
    "median": lambda v, **o: smooth_median(v, **o),
    "gaussian": lambda v, **o: smooth_gaussian(v, sigma=1.3, **o),
    "unsharp": lambda v, **o: sharpen(v, sigma=0.8, amount=0.7, **o),
    "diffusion": lambda v, **o: diffuse(v, conductance=30, steps=4, **o),
    "inverse": lambda v, **o: diffuse(v, conductance=30, steps=3, law="inverse", **o),
    "nonlocal": lambda v, **o: smooth_nonlocal(v, noise=12, search=2, **o),
}


@pytest.fixture(scope="module")
def grey(phantom) -> np.ndarray:
    return phantom.grey[:21, :26, :31].astype(np.float32)


@pytest.mark.parametrize("name", CALLS)
@settings(deadline=None, max_examples=5)
@given(edge=st.integers(7, 40), threads=st.integers(1, 2))
def test_blocks_are_the_whole_to_the_last_bit(grey, name, edge, threads) -> None:
    parts = _in_blocks(CALLS[name], grey, edge, threads)
    np.testing.assert_array_equal(parts, CALLS[name](Volume(grey), threads=1).data)


def _in_blocks(call, grey, edge, threads):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(filters, "map_blocks", partial(blockwise.map_blocks, edge=edge))
        return call(Volume(grey), threads=threads).data


@pytest.mark.parametrize("name", ["gaussian", "diffusion", "nonlocal"])
def test_axes_in_another_order_give_the_same(grey, name) -> None:
    turned = CALLS[name](Volume(grey.transpose(2, 0, 1))).data.transpose(1, 2, 0)
    np.testing.assert_allclose(turned, CALLS[name](Volume(grey)).data, rtol=2e-5, atol=2e-3)


@settings(deadline=None, max_examples=5)
@given(scale=st.floats(0.1, 50), offset=st.floats(-100, 100))
def test_grey_scale_carries_through(grey, scale, offset) -> None:
    moved = Volume(grey.astype(np.float64) * scale + offset)
    pairs = [
        (diffuse(moved, conductance=30 * scale, steps=3), diffuse(Volume(grey), conductance=30, steps=3)),
        (smooth_nonlocal(moved, noise=12 * scale, search=1), smooth_nonlocal(Volume(grey), noise=12, search=1)),
    ]
    for found, plain in pairs:
        np.testing.assert_allclose((found.data - offset) / scale, plain.data, rtol=1e-3, atol=0.02)


def test_scipy_agrees(grey) -> None:
    np.testing.assert_array_equal(smooth_median(Volume(grey), size=3).data, ndimage.median_filter(grey, 3))
    gauss = ndimage.gaussian_filter(grey, 1.3)
    np.testing.assert_allclose(smooth_gaussian(Volume(grey), sigma=1.3).data, gauss, rtol=1e-5)
    fine = grey + 0.7 * (grey - ndimage.gaussian_filter(grey, 0.8))
    np.testing.assert_allclose(sharpen(Volume(grey), sigma=0.8, amount=0.7).data, fine, rtol=1e-4)


@pytest.mark.parametrize("law", ["exponential", "inverse"])
def test_diffusion_is_the_formula(grey, law) -> None:
    now = np.pad(grey.astype(float), 1, mode="symmetric")
    core = (slice(1, -1),) * 3
    total = np.zeros(grey.shape)
    for axis in range(3):
        for side in (-1, 1):
            d = np.roll(now, side, axis)[core] - now[core]
            total += d * (np.exp(-((d / 20) ** 2)) if law == "exponential" else 1 / (1 + (d / 20) ** 2))
    found = diffuse(Volume(grey), conductance=20, steps=1, law=law)
    np.testing.assert_allclose(found.data, grey + total / 6, rtol=1e-5)


def test_diffusion_keeps_the_mean() -> None:
    grey = np.random.default_rng(1).normal(100, 10, (12, 13, 14))
    assert diffuse(Volume(grey), conductance=50).data.mean() == pytest.approx(grey.mean(), rel=1e-5)


def test_nonlocal_means_is_the_formula(grey) -> None:
    part = grey[:8, :9, :10].astype(np.float64)
    search, noise, strength = 1, 12.0, 0.8
    wide = np.pad(part, search + 1, mode="symmetric")
    total, weights = np.zeros(part.shape), np.zeros(part.shape)
    for step in np.ndindex(3, 3, 3):
        dz, dy, dx = np.subtract(step, 1)
        other = np.roll(wide, (-dz, -dy, -dx), (0, 1, 2))
        mean = ndimage.uniform_filter((wide - other) ** 2, 3)[2:-2, 2:-2, 2:-2]
        weight = np.exp(-np.maximum(mean - 2 * noise**2, 0) / (strength * noise) ** 2)
        total += weight * other[2:-2, 2:-2, 2:-2]
        weights += weight
    found = smooth_nonlocal(Volume(part), noise=noise, strength=strength, search=search)
    np.testing.assert_allclose(found.data, total / weights, rtol=2e-3)


@pytest.mark.parametrize("name", ["median", "diffusion", "nonlocal"])
def test_noise_falls_and_edges_stay(phantom, name) -> None:
    clean = 80 + 60.0 * phantom.truth
    found = CALLS[name](Volume(phantom.grey)).data.astype(float)
    assert np.std(found - clean) < 0.75 * np.std(phantom.grey - clean)


def test_diffusion_fades_at_three_times_the_noise(phantom) -> None:
    used = diffuse(Volume(phantom.grey), steps=1).metadata["filters"][0]["conductance"]
    assert used == pytest.approx(3 * estimate_noise(Volume(phantom.grey)))


def test_files_types_and_history(phantom, tmp_path) -> None:
    lazy = LazyArray(lambda box: phantom.grey[box], phantom.grey.shape, np.uint8, chunks=(8, 52, 56))
    volume = Volume(lazy, voxel_size=2.0)
    first = smooth_median(volume)
    assert first.dtype == np.uint8
    second = smooth_gaussian(first, target=tmp_path / "smooth.ome.zarr", progress=True)
    assert second.is_lazy
    assert [item["filter"] for item in second.metadata["filters"]] == ["median", "gaussian"]
    np.testing.assert_array_equal(second.data[:], smooth_gaussian(first).data)


def test_thin_volumes_are_mirrored_more_than_once() -> None:
    thin = np.random.default_rng(0).normal(size=(2, 9, 1)).astype(np.float32)
    found = smooth_gaussian(Volume(thin), sigma=3).data
    np.testing.assert_allclose(found, ndimage.gaussian_filter(thin, 3), atol=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda v: smooth_median(v, size=4), "size must be an odd number"),
        (lambda v: smooth_gaussian(v, sigma=0), "sigma must be a positive number"),
        (lambda v: sharpen(v, amount=0), "amount must be positive"),
        (lambda v: diffuse(v, conductance=0), "conductance must be a positive"),
        (lambda v: diffuse(v, conductance=1, steps=0), "steps must be a whole number"),
        (lambda v: diffuse(v, conductance=1, law="linear"), "law must be exponential or inverse"),
        (lambda v: smooth_nonlocal(v, noise=0), "noise must be positive"),
        (lambda v: smooth_nonlocal(v, noise=1, patch=0), "patch must be a whole number"),
        (lambda v: smooth_gaussian(Volume(np.full((3, 3, 3), np.nan))), r"NaN or infinite voxels, the first at"),
    ],
)
def test_bad_input_is_one_line(grey, call, message) -> None:
    with pytest.raises(InputError, match=message):
        call(Volume(grey))
