import numpy as np
import pytest

from porosity import SizeCurve
from volio import InputError


@pytest.fixture
def curve() -> SizeCurve:
    return SizeCurve(radius=np.array([1.0, 2.0, 4.0]), volumes=np.array([2.0, 5.0, 3.0]), edge=1.0, unit="um")


def test_shares_and_means(curve: SizeCurve) -> None:
    np.testing.assert_allclose(curve.cumulative, [1, 0.8, 0.3])
    assert curve.volume == 10
    assert curve.mean_radius == pytest.approx(2.4)
    # the mean radius is the area under the cumulative curve
    grid = np.linspace(0, 5, 50_001)
    assert np.trapezoid(curve.share_above(grid), grid) == pytest.approx(2.4, abs=1e-3)


def test_quantiles_are_radii_that_the_share_does_not_exceed(curve: SizeCurve) -> None:
    assert (curve.r10, curve.r50, curve.r90) == (1, 2, 4)
    assert (curve.quantile(0.2), curve.quantile(0.7), curve.quantile(0.71)) == (1, 2, 4)
    assert (curve.quantile(0), curve.quantile(1)) == (1, 4)


def test_the_band_is_half_a_voxel_to_either_side(curve: SizeCurve) -> None:
    low, high = curve.band
    assert curve.resolution == 0.5
    np.testing.assert_allclose(low, [0.8, 0.3, 0.0])
    np.testing.assert_allclose(high, [1.0, 0.8, 0.3])
    assert (low <= curve.cumulative).all()
    assert (curve.cumulative <= high).all()


def test_the_density_holds_all_of_the_volume(curve: SizeCurve) -> None:
    middle, density = curve.density()
    np.testing.assert_allclose(middle, [0.5, 1.5, 2.5, 3.5, 4.5])
    np.testing.assert_allclose(density, [0, 0.2, 0.5, 0, 0.3])
    for width in (0.3, 2.5):
        assert curve.density(width=width)[1].sum() * width == pytest.approx(1)


def test_impossible_shares_and_widths_are_refused(curve: SizeCurve) -> None:
    with pytest.raises(InputError, match="0 to 1"):
        curve.quantile(1.5)
    with pytest.raises(InputError, match="above 0"):
        curve.density(width=-1)


def test_radii_and_bins_that_are_no_numbers_are_refused() -> None:
    curve = SizeCurve(radius=np.array([1.0, 2.0]), volumes=np.array([1.0, 1.0]), edge=1.0, unit="um")
    for radius in (np.nan, [1.0, np.nan]):
        with pytest.raises(InputError, match="NaN"):
            curve.share_above(radius)
    for width in (np.nan, np.inf, 0.0, -1.0):
        with pytest.raises(InputError, match="above 0"):
            curve.density(width=width)
    assert curve.share_above(1e9) == 0
    # a bin wider than all radii holds all of the volume
    assert (curve.density(width=100.0)[1] * 100).sum() == pytest.approx(1)
