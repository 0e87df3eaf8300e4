import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from porosity.topology import connect_components, count_euler
from volio import InputError, Volume

FOUR = [(6, 1), (18, 2), (26, 3)]


def make_ring():
    z, y, x = np.ogrid[:20, :40, :40]
    return (np.hypot(y - 20, x - 20) - 12) ** 2 + (z - 10) ** 2 < 16


@pytest.mark.parametrize(
    ("shape", "truth"),
    [("ball", 1), ("shell", 2), ("ring", 0), ("two", 2), ("ring with holes", -1)],
)
@pytest.mark.parametrize("connectivity", [6, 26])
def test_euler_number_of_solids(shape, truth, connectivity):
    z, y, x = np.ogrid[:20, :40, :40]
    distance = np.sqrt((z - 10) ** 2 + (y - 20) ** 2 + (x - 20) ** 2)
    solids = {
        "ball": distance < 8,
        "shell": (distance < 8) & (distance > 3),
        "ring": make_ring(),
        "two": (distance < 3) | ((z - 10) ** 2 + (y - 20) ** 2 + (x - 8) ** 2 < 16),
        "ring with holes": make_ring() | ((z - 10) ** 2 + (y - 20) ** 2 + 0 * x < 6) & (abs(x - 20) < 13),
    }
    assert count_euler(solids[shape], phase=1, connectivity=connectivity).number == truth


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 9999), axes=st.permutations(range(3)), threads=st.integers(1, 3))
def test_euler_number_of_any_set_equals_scikit_image(seed, axes, threads):
    from skimage.measure import euler_number

    labels = (np.random.default_rng(seed).random((6, 7, 35)) < 0.4).transpose(axes)
    for connectivity, name in ((6, 1), (26, 3)):
        found = count_euler(labels, phase=1, connectivity=connectivity, threads=threads)
        assert found.number == euler_number(labels, name)


def test_density_leaves_out_the_faces_of_the_volume():
    # a lattice of balls, cut by the faces: 1 / 8 of a ball a voxel of the lattice
    z, y, x = np.ogrid[:33, :33, :33]
    balls = sum((np.abs((k + 4) % 8 - 4) ** 2) for k in (z, y, x)) < 7
    found = count_euler(balls, phase=1, voxel_size=(2, 1, 1))
    assert found.number == 125
    assert found.density == pytest.approx(1 / 512 / 2)
    assert found.unit == "um"


def test_flat_volumes():
    flat = np.array([[[1, 0, 1]]])
    found = count_euler(flat, phase=1)
    assert found.number == 2
    assert np.isnan(found.density)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 9999), choice=st.sampled_from(FOUR), share=st.floats(0.1, 0.7))
def test_components_equal_scipy(seed, choice, share):
    connectivity, rank = choice
    labels = np.random.default_rng(seed).random((6, 9, 11)) < share
    labels.flat[0] = True
    truth, count = ndimage.label(labels, ndimage.generate_binary_structure(3, rank))
    found = connect_components(labels, phase=1, connectivity=connectivity)
    assert found.count == count
    numbers = found.labels.data
    assert len(np.unique(np.stack([truth.ravel(), numbers.ravel()]), axis=1).T) == count + (not labels.all())
    np.testing.assert_array_equal(found.table["voxels"], np.bincount(numbers.ravel(), minlength=count + 1)[1:])
    assert found.table["voxels"].is_monotonic_decreasing
    for number, row in found.table.iterrows():
        places = np.argwhere(numbers == number)
        touched = (places.min(axis=0) == 0).astype(int) + (places.max(axis=0) == np.array(labels.shape) - 1)
        assert list(row[["z", "y", "x"]]) == [["isolated", "one-sided", "spanning"][n] for n in touched]
        assert row["open"] == touched.any()


def test_open_closed_and_spanning():
    labels = np.zeros((9, 9, 9), int)
    labels[:, 1, 1] = 1  # spans z
    labels[4, 4:7, 4] = 1  # closed
    labels[0:2, 7, 7] = 1  # open on one side
    found = connect_components(Volume(labels, voxel_size=(2, 1, 1), unit="nm"), phase=1)
    assert list(found.table["voxels"]) == [9, 3, 2]
    assert found.table["volume"].iloc[0] == 18
    assert found.open_share == pytest.approx(11 / 14)
    assert found.closed_share == pytest.approx(3 / 14)
    assert found.spanning_share == pytest.approx((9 / 14, 0, 0))
    assert found.isolated_share == pytest.approx((3 / 14, 1, 1))
    assert found.fraction == pytest.approx(14 / 729)
    assert found.labels.voxel_size == (2, 1, 1)
    assert found.labels.data[4, 5, 4] == 2


def test_errors_are_one_line():
    for call, options in ((count_euler, {"connectivity": 18}), (connect_components, {"connectivity": 4})):
        with pytest.raises(InputError, match="connectivity") as error:
            call(np.ones((3, 3, 3)), phase=1, **options)
        assert "\n" not in str(error.value)
    with pytest.raises(InputError, match="does not occur"):
        connect_components(np.ones((3, 3, 3)), phase=2)


@pytest.mark.realdata
def test_ketton(data_dir):
    from volio import read

    found = connect_components(read(data_dir / "volumes" / "ketton_256.tif"), phase=0)
    assert min(found.spanning_share) > 0.8
    assert found.open_share + found.closed_share == pytest.approx(1)
