import numpy as np
import pytest

from acquisition.projections import SpherePhantom
from recon.row_profiles import find_row_shifts


@pytest.mark.parametrize("drift", [3.0, 9.0])
def test_rows_of_a_whole_specimen_are_found(drift):
    angles = np.radians(np.linspace(-70, 70, 31))
    shifts = np.stack([drift * np.linspace(-0.5, 0.5, 31), np.zeros(31)], axis=1)
    specimen = SpherePhantom.electrode(60, height=60, seed=0, particles=80)
    found = find_row_shifts(specimen.project(angles, rows=48, columns=72, shifts=shifts))
    error = found - shifts[:, 0]
    assert error.std() < 0.25
    assert found.mean() == pytest.approx(0, abs=1e-9)


def test_profiles_that_are_not_alike_say_nothing():
    noise = np.random.default_rng(0).normal(size=(20, 40, 30))
    np.testing.assert_array_equal(find_row_shifts(noise), 0)


def test_nothing_is_found_in_nothing():
    np.testing.assert_array_equal(find_row_shifts(np.zeros((4, 16, 16))), 0)
