"""Analytic pairs of volumes: textures whose motion is known exactly, and what a detector adds."""

from functools import lru_cache

import numpy as np

from acquisition import BlobTexture, add_noise, quantize
from acquisition.motion import Motion

#: Standard deviation of the texture in grey values, about a mean of 128.
STD = 15.0
#: How far a motion may bring material in from outside, in voxels.
MARGIN = 80.0

Pair = tuple[np.ndarray, np.ndarray]


def record(volume: np.ndarray, snr: float | None, seed: int) -> np.ndarray:
    """Add noise of a signal-to-noise ratio and round to 8 bits; without a ratio, leave the volume exact."""
    if snr is None:
        return volume
    return quantize(add_noise(volume, snr=snr, signal_std=STD, rng=seed))


def make_pair(size: int, motion: Motion, *, snr: float | None = 20.0) -> Pair:
    """Render a cube of `size` voxels before and after `motion`."""
    deformed = make_texture(size).render((size,) * 3, motion=motion, std=STD)
    return record(_reference(size), snr, 0), record(deformed, snr, 1)


@lru_cache(maxsize=2)
def make_texture(size: int) -> BlobTexture:
    """Scatter blobs over a cube of `size` voxels and what a motion brings in from around it."""
    return BlobTexture.random((size,) * 3, rng=7, margin=MARGIN)


@lru_cache(maxsize=2)
def _reference(size: int) -> np.ndarray:
    return make_texture(size).render((size,) * 3, std=STD)


def middle(size: int) -> tuple[float, float, float]:
    """Centre of a cube of `size` voxels."""
    return ((size - 1) / 2,) * 3
