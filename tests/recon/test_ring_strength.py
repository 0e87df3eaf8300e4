import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from recon.ring_strength import measure_rings
from volio.errors import InputError

SIZE = 96
Y, X = np.mgrid[:SIZE, :SIZE] - 0.5 * (SIZE - 1)


def rings(rng, slices=12):
    """Rings a voxel or two wide: a new set of circles in every slice, other ones on the other side."""
    radius = np.arange(-70, 71)
    height = gaussian_filter(rng.normal(size=(slices, radius.size)), (0, 0.7))
    height /= height.std()
    side = np.where(X >= 0, 1, -1) * np.hypot(Y, X)
    return np.stack([np.interp(side, radius, h) for h in height])


@pytest.mark.parametrize("strength", [0.2, 1.0, 3.0])
def test_rings_are_measured_in_noise_and_texture(strength):
    rng = np.random.default_rng(0)
    texture = gaussian_filter(rng.normal(size=(12, SIZE, SIZE)), (0, 2, 2)) * 5
    volume = strength * rings(rng) + texture + rng.normal(size=texture.shape)
    found = measure_rings(volume, angles=np.radians(np.linspace(-80, 80, 90)))
    # the median that they stand out from takes a part of them
    assert 0.6 * strength < found.strength < 1.15 * strength


def test_without_rings_there_are_none():
    rng = np.random.default_rng(1)
    volume = gaussian_filter(rng.normal(size=(12, SIZE, SIZE)), (0, 2, 2)) * 5 + rng.normal(size=(12, SIZE, SIZE))
    assert measure_rings(volume).strength < 0.1


def test_the_profile_shows_where():
    volume = np.zeros((4, SIZE, SIZE))
    volume[:, np.abs(np.where(X >= 0, 1, -1) * np.hypot(Y, X) - 20) < 0.6] = 1.0
    found = measure_rings(volume)
    assert found.distances[np.argmax(found.profile)] == pytest.approx(20, abs=1)
    assert found.profile.shape == found.distances.shape
    assert measure_rings(2 * volume).strength == pytest.approx(2 * found.strength)


@pytest.mark.parametrize("shape", [(40, 40), (4, 20, 40)])
def test_bad_volumes_are_named(shape):
    with pytest.raises(InputError, match="rings need a volume"):
        measure_rings(np.zeros(shape))


@pytest.mark.parametrize("distance", [8, 42])
def test_rings_at_both_ends_are_seen(distance):
    volume = np.zeros((4, SIZE, SIZE))
    volume[:, np.abs(np.hypot(Y, X) - distance) < 0.6] = 1.0
    found = measure_rings(volume)
    assert found.distances.min() == -found.distances.max()
    assert np.abs(found.distances).min() == 8
    assert found.profile[np.abs(found.distances) == distance] == pytest.approx(1, abs=0.3)


def test_nan_is_named():
    volume = np.zeros((4, SIZE, SIZE))
    volume[2, 50, 50] = np.nan
    with pytest.raises(InputError, match="rings need finite values"):
        measure_rings(volume)
