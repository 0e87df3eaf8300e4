"""Volumes whose phases are known, with noise of a known size."""

from dataclasses import dataclass

import numpy as np
import pytest

from volio import Volume


@dataclass(frozen=True, eq=False, repr=False)
class Phantom:
    grey: np.ndarray
    truth: np.ndarray


def balls(shape=(48, 52, 56), count=24, seed=3, radii=(4.0, 8.0)) -> np.ndarray:
    """Overlapping balls: 1 inside."""
    rng = np.random.default_rng(seed)
    z, y, x = np.indices(shape, sparse=True)
    inside = np.zeros(shape, np.uint8)
    for _ in range(count):
        (a, b, c), r = rng.uniform(0, shape), rng.uniform(*radii)
        inside |= ((z - a) ** 2 + (y - b) ** 2 + (x - c) ** 2 < r * r).astype(np.uint8)
    return inside


@pytest.fixture(scope="session")
def phantom() -> Phantom:
    """Balls of grey value 140 in 80, with noise of 12: the best threshold is near 110."""
    truth = balls()
    noise = np.random.default_rng(5).normal(0, 12, truth.shape)
    return Phantom(np.clip(np.rint(80 + 60.0 * truth + noise), 0, 255).astype(np.uint8), truth)


@pytest.fixture(scope="session")
def labelled(phantom) -> np.ndarray:
    """Sparse labels: 1 outside and 2 inside of the balls at 1500 voxels."""
    labels = np.zeros(phantom.truth.shape, np.uint8)
    places = np.random.default_rng(1).choice(labels.size, 1500, replace=False)
    labels.reshape(-1)[places] = phantom.truth.reshape(-1)[places] + 1
    return labels


@pytest.fixture(scope="session")
def classifier(phantom, labelled):
    from segmentation import FeatureSet, PixelClassifier

    features = FeatureSet(("gaussian", "hessian"), (1.0, 1.6))
    return PixelClassifier.fit(
        Volume(phantom.grey, voxel_size=0.5), labelled, features=features, trees=20, depth=8, threads=1
    )
