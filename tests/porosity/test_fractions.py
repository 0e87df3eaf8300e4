import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from porosity.fractions import _wilson, phase_fractions
from porosity.two_point import correlate_phase
from volio import InputError, Volume, read


@pytest.fixture
def labels():
    volume = np.zeros((8, 10, 12), np.uint8)
    volume[2:] = 4
    volume[:, :5, :3] = 9
    return volume


def test_counts(labels):
    found = phase_fractions(labels)
    assert found.phases == (0, 4, 9)
    np.testing.assert_allclose(found.fraction, [0.25 * 0.875, 0.75 * 0.875, 0.125])
    assert found.voxels == labels.size
    assert list(found.table.index) == [0, 4, 9]
    assert (found.low < found.fraction).all()
    assert (found.fraction < found.high).all()


def test_slabs(labels):
    found = phase_fractions(Volume(labels, voxel_size=(1.0, 2.0, 0.5)), slab="2um", uncertainty="none")
    np.testing.assert_allclose(found.profiles["z"]["position"], [1, 3, 5, 7])
    np.testing.assert_allclose(found.profiles["z"]["0"], [0.875, 0, 0, 0])
    np.testing.assert_allclose(found.profiles["y"]["9"], [0.25] * 5 + [0] * 5)
    np.testing.assert_allclose(found.profiles["x"]["9"], [0.375, 0, 0])
    assert np.isnan(found.low).all()


def test_slabs_of_part_of_a_length():
    found = phase_fractions(np.arange(10)[:, None, None] > 4 + np.zeros((1, 2, 2)), slab=2.5, uncertainty="none")
    np.testing.assert_allclose(found.profiles["z"]["position"], [1.25, 3.75, 6.25, 8.75])
    np.testing.assert_allclose(found.profiles["z"]["1"], [0, 0, 1, 1])


def test_rings_about_the_axis():
    y, x = np.ogrid[:41, :61]
    radius = np.hypot((y - 20) * 1.5, x - 30)
    disc = np.tile(radius < 12, (5, 1, 1))
    found = phase_fractions(
        disc, voxel_size=(1, 1.5, 1), mask=np.tile(radius < 24, (5, 1, 1)), slab="3um", uncertainty="none"
    )
    rings = found.profiles["radial"]
    np.testing.assert_allclose(rings["position"], [1.5, 4.5, 7.5, 10.5, 13.5, 16.5, 19.5, 22.5])
    np.testing.assert_allclose(rings["1"], [1, 1, 1, 1, 0, 0, 0, 0])
    assert found.fraction[1] == pytest.approx(0.25, rel=0.03)


def test_rings_about_the_middle_of_the_mask(labels):
    mask = np.zeros(labels.shape, bool)
    mask[:, 6:9, 5:8] = True
    rings = phase_fractions(labels, mask=mask, slab=1, uncertainty="none").profiles["radial"]
    assert len(rings.dropna()) == 2
    assert rings["4"][0] == 0.75


def test_mask_is_all_that_counts(labels):
    mask = labels != 9
    found = phase_fractions(labels, mask=mask)
    assert found.phases == (0, 4, 9)
    np.testing.assert_allclose(found.fraction, [0.25, 0.75, 0])
    assert np.isnan(found.standard_error[2])


def test_chosen_phases(labels):
    found = phase_fractions(labels, phases=[9], uncertainty="none")
    assert found.fraction == pytest.approx([0.125])


def test_band_of_thresholds(labels):
    low, high = labels.copy(), labels.copy()
    low[2] = 0
    high[1] = 4
    found = phase_fractions(labels, band=(low, high), uncertainty="none")
    np.testing.assert_allclose(found.band[1], [(0.75 * 0.875 - 0.875 / 8 - 0.0), 0.75 * 0.875 + 1 / 8], atol=0.02)
    assert (found.band[:, 0] <= found.fraction).all()
    assert (found.fraction <= found.band[:, 1]).all()
    assert {"band_low", "band_high"} <= set(found.table.columns)


@pytest.mark.parametrize("uncertainty", ["integral-range", "bootstrap"])
def test_interval_holds_the_truth_as_often_as_it_says(uncertainty):
    rng = np.random.default_rng(5)
    volumes = [np.kron(rng.random((16, 16, 16)) < 0.3, np.ones((2, 2, 2))) for _ in range(60)]
    found = [phase_fractions(volume.astype(np.uint8), uncertainty=uncertainty, confidence=0.8) for volume in volumes]
    share = np.mean([one.low[1] < 0.3 < one.high[1] for one in found])
    assert 0.65 < share < 0.97
    truth = np.sqrt(0.3 * 0.7 / 16**3)
    assert np.mean([one.standard_error[1] for one in found]) == pytest.approx(truth, rel=0.25)


def test_the_interval_is_that_of_wilson():
    """For 2 of 20 independent observations it is 0.0279 to 0.3010; a certain fraction is its own interval."""
    fraction, error = np.array([0.1, 0.4]), np.array([np.sqrt(0.1 * 0.9 / 20), 0.0])
    low, high = _wilson(fraction, error, 0.95)
    np.testing.assert_allclose(low, [0.0279, 0.4], atol=5e-5)
    np.testing.assert_allclose(high, [0.3010, 0.4], atol=5e-5)
    low, high = _wilson(np.array([0.5]), np.array([1e-3]), 0.8)  # 1.2816 standard deviations on each side
    np.testing.assert_allclose(high - low, 2 * 1.2816e-3, rtol=1e-3)


def test_the_uncertainty_is_that_of_the_phase_within_the_mask():
    labels = np.random.default_rng(2).integers(0, 3, (16, 16, 16))
    labels[:, 8:] = 2
    mask = labels[:, :, :] >= 0
    mask[:, 8:] = False
    found = phase_fractions(labels, mask=mask)
    for phase in (0, 1, 2):
        expected = correlate_phase(labels, phase=phase, mask=mask).standard_error
        assert found.standard_error[phase] == pytest.approx(expected)


def test_two_phases_have_one_uncertainty():
    labels = np.random.default_rng(0).integers(0, 2, (12, 12, 12))
    found = phase_fractions(labels)
    assert found.standard_error[0] == found.standard_error[1]
    np.testing.assert_allclose(found.low[0], 1 - found.high[1])


def test_one_phase_is_everything():
    found = phase_fractions(np.full((4, 4, 4), 2))
    assert found.fraction == pytest.approx([1])
    assert np.isnan(found.standard_error).all()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 999), axes=st.permutations(range(3)), threads=st.integers(1, 3))
def test_axes_and_threads_do_not_matter(seed, axes, threads):
    labels = np.random.default_rng(seed).integers(0, 4, (5, 7, 18)).astype(np.uint8)
    found = phase_fractions(labels, phases=[1, 3], uncertainty="none")
    other = phase_fractions(labels.transpose(axes), phases=[1, 3], uncertainty="none", threads=threads)
    np.testing.assert_array_equal(found.fraction, other.fraction)
    for new, old in enumerate(axes):
        np.testing.assert_array_equal(other.profiles["zyx"[new]], found.profiles["zyx"[old]])


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"phases": [1]}, r"\[1\] do not occur"),
        ({"phases": []}, "do not occur"),
        ({"uncertainty": "none of these"}, "uncertainty"),
        ({"confidence": 95}, "confidence"),
        ({"slab": 0.5}, "slab"),
        ({"band": [1]}, "2 label volumes"),
        ({"band": (np.zeros((2, 2, 2)),) * 2}, "shape"),
    ],
)
def test_errors_are_one_line(labels, options, word):
    with pytest.raises(InputError, match=word) as error:
        phase_fractions(labels, **options)
    assert "\n" not in str(error.value)


def test_particles_are_no_phases():
    with pytest.raises(InputError, match="65 different labels"):
        phase_fractions(np.arange(65).reshape(5, 13, 1))


def test_bootstrap_needs_blocks():
    with pytest.raises(InputError, match="8 voxels"):
        phase_fractions(np.arange(8).reshape(2, 2, 2) % 2, uncertainty="bootstrap")


def test_bootstrap_within_a_mask(labels):
    found = phase_fractions(
        labels.repeat(2, axis=0).repeat(2, axis=1), mask=labels.repeat(2, 0).repeat(2, 1) != 9, uncertainty="bootstrap"
    )
    assert found.standard_error[2] == 0
    assert found.standard_error[1] > 0


@pytest.mark.realdata
def test_ketton(data_dir):
    found = phase_fractions(read(data_dir / "volumes" / "ketton_256.tif"), phases=[0])
    assert found.fraction[0] == pytest.approx(0.127, abs=0.0005)
    assert found.low[0] < found.fraction[0] < found.high[0]
    assert 0.002 < found.standard_error[0] < 0.03


@pytest.mark.realdata
def test_nmc_cathode(data_dir):
    found = phase_fractions(read(data_dir / "volumes" / "nrel_nmc1cal_3label_z000-119.tif"), uncertainty="none")
    assert found.phases == (0, 1, 2)
    assert found.fraction.sum() == pytest.approx(1)
    assert found.fraction[0] == pytest.approx(0.40, abs=0.03)


def test_a_phase_named_twice_is_refused() -> None:
    with pytest.raises(InputError, match="twice"):
        phase_fractions(np.indices((8, 8, 8)).sum(0) % 2, phases=[1, 1])
