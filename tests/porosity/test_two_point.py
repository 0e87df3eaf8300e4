import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from porosity.two_point import correlate_phase
from volio import InputError, Volume


def brute_force(mask, inside, step):
    """Pairs of points a step (z, y, x) apart that both lie in the phase, over those that both lie inside."""
    first = tuple(slice(max(0, -s), n - max(0, s)) for s, n in zip(step, mask.shape, strict=True))
    second = tuple(slice(max(0, s), n + min(0, s)) for s, n in zip(step, mask.shape, strict=True))
    return (mask[first] & mask[second]).sum() / (inside[first] & inside[second]).sum()


@pytest.fixture
def phase():
    return np.random.default_rng(1).random((9, 14, 21)) < 0.4


@pytest.fixture
def inside():
    z, y, x = np.ogrid[:9, :14, :21]
    return np.hypot(y - 6, x - 9) < 6 + 0 * z


def test_equals_brute_force(phase, inside):
    found = correlate_phase(phase, phase=1, longest=4)
    masked = correlate_phase(phase, phase=1, longest=4, mask=inside)
    for lag in range(5):
        for axis in range(3):
            step = lag * np.eye(3, dtype=int)[axis]
            assert getattr(found, "zyx"[axis])[lag] == pytest.approx(brute_force(phase, phase | True, step), abs=1e-15)
            truth = brute_force(phase & inside, inside, step)
            assert getattr(masked, "zyx"[axis])[lag] == pytest.approx(truth, abs=1e-15)
    assert masked.fraction == pytest.approx(phase[inside].mean(), abs=1e-15)


def test_radial_curve_averages_over_all_directions(phase):
    found = correlate_phase(phase, phase=1, longest=2)
    steps = [(z, y, x) for z in range(-2, 3) for y in range(-2, 3) for x in range(-2, 3)]
    shells = {
        shell: [s for s in steps if round(np.linalg.norm(s)) == shell and np.linalg.norm(s) <= 2] for shell in (1, 2)
    }
    for shell, chosen in shells.items():
        pairs = [np.prod([n - abs(k) for n, k in zip(phase.shape, s, strict=True)]) for s in chosen]
        values = [brute_force(phase, phase | True, s) for s in chosen]
        assert found.radial[shell] == pytest.approx(np.average(values, weights=pairs), rel=1e-12)
        assert found.distance[shell] == pytest.approx(np.average([np.linalg.norm(s) for s in chosen], weights=pairs))
    table = found.table
    assert table["covariance"][0] == pytest.approx(1)
    assert list(table.columns) == ["distance", "probability", "covariance"]


def test_periodic_volume_wraps_round(phase):
    found = correlate_phase(phase, phase=1, periodic=True)
    assert found.x[3] == pytest.approx((phase & np.roll(phase, 3, axis=2)).mean(), abs=1e-15)


def test_slabs_of_anisotropic_voxels():
    # layers of 8 um along y, half phase, half not: along y S2 falls to 0 over 4 um, along the others it stays
    labels = np.zeros((8, 64, 12), np.uint8)
    labels[:, np.arange(64) % 16 < 8] = 3
    found = correlate_phase(Volume(labels, voxel_size=(2.0, 0.5, 1.0)), phase=3, periodic=True, longest="6um")
    np.testing.assert_allclose(found.z, 0.5)
    np.testing.assert_allclose(found.x, 0.5)
    truth = np.abs(4 - np.arange(13) * 0.5) / 8
    np.testing.assert_allclose(found.y, truth)
    assert len(found.z) == 4


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), axes=st.permutations(range(3)), threads=st.integers(1, 3))
def test_axes_and_threads_do_not_matter(seed, axes, threads):
    labels = np.random.default_rng(seed).integers(0, 2, (6, 9, 13))
    size = np.array([1.0, 1.5, 0.5])
    found = correlate_phase(labels, phase=1, voxel_size=tuple(size), longest="2um")
    other = correlate_phase(
        labels.transpose(axes), phase=1, voxel_size=tuple(size[list(axes)]), longest="2um", threads=threads
    )
    for new, old in enumerate(axes):
        np.testing.assert_array_equal(getattr(other, "zyx"[new]), getattr(found, "zyx"[old]))
    np.testing.assert_allclose(other.radial, found.radial, rtol=1e-12)
    assert other.integral_range == pytest.approx(found.integral_range, rel=1e-9)


def test_threads_give_the_same_bits(phase):
    one, two = (correlate_phase(phase, phase=1, threads=threads) for threads in (1, 2))
    np.testing.assert_array_equal(one.radial, two.radial)
    assert one.standard_error == two.standard_error


def test_standard_error_is_the_scatter_between_volumes():
    from scipy.ndimage import uniform_filter

    rng = np.random.default_rng(3)
    volumes = (uniform_filter(rng.random((24, 24, 24)), 4)[4:-4, 4:-4, 4:-4] > 0.5 for _ in range(300))
    found = [correlate_phase(volume, phase=1, threads=1) for volume in volumes]
    scatter = np.std([one.fraction for one in found])
    assert np.mean([one.standard_error for one in found]) == pytest.approx(scatter, rel=0.05)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"phase": 7}, "does not occur"),
        ({"phase": 1, "longest": 9}, "longest"),
        ({"phase": 1, "longest": 0.5}, "longest"),
        ({"phase": 1, "longest": "2um"}, "voxel size"),
        ({"phase": 1, "mask": np.ones((2, 2, 2))}, "shape"),
    ],
)
def test_errors_are_one_line(phase, options, word):
    with pytest.raises(InputError, match=word) as error:
        correlate_phase(phase, **options)
    assert "\n" not in str(error.value)


def test_everything_pore():
    with pytest.raises(InputError, match="fills the whole volume"):
        correlate_phase(np.ones((4, 4, 4)), phase=1)


def test_mask_without_the_other_phase():
    labels = np.zeros((8, 8, 8), int)
    labels[4:] = 1
    found = correlate_phase(labels, phase=1, mask=labels)
    assert found.fraction == 1
    assert np.isnan(found.integral_range)
    assert np.isnan(found.table["covariance"]).all()
