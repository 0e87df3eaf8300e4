import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from porosity.particles import measure_particles
from volio import InputError, Volume


def add_ellipsoid(labels, label, centre, axes, size=(1, 1, 1), turn=None):
    """Set `label` in an ellipsoid; centre, axes in units of `size`; `turn` has its axes in its rows."""
    grid = np.stack(
        np.meshgrid(*((np.arange(n) + 0.5) * s for n, s in zip(labels.shape, size, strict=True)), indexing="ij"), -1
    )
    turned = (grid - centre) @ (np.eye(3) if turn is None else np.asarray(turn)).T
    labels[((turned / axes) ** 2).sum(-1) < 1] = label


@pytest.mark.parametrize("size", [(1, 1, 1), (2, 1, 0.8)])
def test_sphere(size):
    labels = np.zeros([int(34 / s) for s in size], np.uint8)
    add_ellipsoid(labels, 7, (17.2, 16.7, 17.1), (12, 12, 12), size)
    row = measure_particles(labels, voxel_size=size).table.loc[7]
    assert row["volume"] == pytest.approx(4 / 3 * np.pi * 12**3, rel=0.01)
    assert row["equivalent_diameter"] == pytest.approx(24, rel=0.005)
    assert row["surface"] == pytest.approx(4 * np.pi * 12**2, rel=0.02)
    assert row["sphericity"] == pytest.approx(1, abs=0.02)
    assert row["aspect"] == pytest.approx(1, abs=0.03)
    np.testing.assert_allclose(row[["z", "y", "x"]].astype(float), (17.2, 16.7, 17.1), atol=0.1)
    np.testing.assert_allclose(row[["major", "minor"]].astype(float), 24, rtol=0.02)
    assert not row["touches_border"]


def test_ellipsoid_in_any_direction():
    along = np.array([2.0, -1.0, 2.0]) / 3
    across = np.array([1.0, 2.0, 0.0]) / np.sqrt(5)
    turn = [along, across, np.cross(along, across)]
    labels = np.zeros((50, 50, 50), np.uint16)
    add_ellipsoid(labels, 300, (25, 25, 25), (20, 10, 5), turn=turn)
    row = measure_particles(labels).table.loc[300]
    np.testing.assert_allclose(row[["major", "intermediate", "minor"]].astype(float), [40, 20, 10], rtol=0.01)
    assert row["aspect"] == pytest.approx(0.25, rel=0.01)
    np.testing.assert_allclose(row[["axis_z", "axis_y", "axis_x"]].astype(float), along, atol=0.01)
    assert row["angle_z"] == pytest.approx(np.degrees(np.arccos(2 / 3)), abs=0.5)
    # surface of an ellipsoid by Thomsen's formula (1 %)
    p = 1.6075
    truth = 4 * np.pi * ((200**p + 100**p + 50**p) / 3) ** (1 / p)
    assert row["surface"] == pytest.approx(truth, rel=0.03)


def test_contacts():
    labels = np.zeros((6, 6, 6), int)
    labels[:3, :3] = 1
    labels[:3, 3:] = 2
    labels[3:, :3, :3] = 5
    found = measure_particles(labels, voxel_size=(1, 2, 3))
    pairs = {(one.first, one.second): one.area for one in found.contacts.itertuples()}
    assert pairs == {(1, 2): 3 * 6 * 3, (1, 5): 3 * 3 * 6}
    assert list(found.table["contacts"]) == [2, 1, 1]
    assert list(found.table["contact_area"]) == [108, 54, 54]
    assert list(found.table.index) == [1, 2, 5]
    assert found.extent == (6, 12, 18)


def test_border_and_box():
    labels = np.zeros((6, 6, 6), int)
    labels[1:5, 2:4, 3:5] = 1
    labels[0, 0, 0] = 2
    table = measure_particles(labels, voxel_size=2).table
    assert list(table["touches_border"]) == [False, True]
    assert list(table.loc[1, ["size_z", "size_y", "size_x"]]) == [8, 4, 4]
    assert np.isnan(table.loc[2, "surface"])
    assert np.isnan(table.loc[2, "sphericity"])


def test_inner_porosity():
    labels = np.zeros((12, 12, 12), int)
    labels[1:11, 1:11, 1:6] = 1
    labels[1:11, 1:11, 6:11] = 2
    labels[3:5, 3:5, 3] = 0  # inside 1
    labels[7, 7, 5:7] = 0  # between both: neither's
    labels[5, 5, 8:] = 0  # open to the outside
    table = measure_particles(labels).table
    assert table.loc[1, "inner_porosity"] == pytest.approx(4 / (500 - 1))
    assert table.loc[2, "inner_porosity"] == 0


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 999), axes=st.permutations(range(3)))
def test_axes_do_not_matter(seed, axes):
    labels = np.random.default_rng(seed).integers(0, 5, (4, 6, 7))
    size = np.array([1.0, 2.0, 0.5])
    found, turned = measure_particles(labels, voxel_size=tuple(size)), None
    turned = measure_particles(labels.transpose(axes), voxel_size=tuple(size[list(axes)]))
    same = [
        "voxels",
        "volume",
        "surface",
        "major",
        "aspect",
        "contacts",
        "contact_area",
        "touches_border",
        "inner_porosity",
    ]
    for name in same:
        np.testing.assert_allclose(turned.table[name].astype(float), found.table[name].astype(float), rtol=1e-9)
    for new, old in enumerate(axes):
        np.testing.assert_allclose(turned.table["zyx"[new]], found.table["zyx"[old]])
        np.testing.assert_allclose(
            turned.table["axis_" + "zyx"[new]].abs(), found.table["axis_" + "zyx"[old]].abs(), atol=1e-6
        )


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999))
def test_moments_equal_numpy(seed):
    labels = np.random.default_rng(seed).integers(0, 4, (5, 6, 9)).astype(np.uint8)
    table = measure_particles(labels).table
    for label, row in table.iterrows():
        places = np.argwhere(labels == label)
        covariance = np.cov(places.T, bias=True).reshape(3, 3) + np.eye(3) / 12
        values = 2 * np.sqrt(5 * np.linalg.eigvalsh(covariance))
        np.testing.assert_allclose(row[["minor", "intermediate", "major"]].astype(float), values, rtol=1e-9)
        np.testing.assert_allclose(row[["z", "y", "x"]].astype(float), places.mean(axis=0) + 0.5)


def test_errors_are_one_line():
    for bad, word in (
        (np.zeros((3, 3, 3)), "no particle"),
        (np.full((3, 3, 3), 70000), "65535"),
        (np.full((3, 3, 3), -2), "-2"),
    ):
        with pytest.raises(InputError, match=word) as error:
            measure_particles(bad)
        assert "\n" not in str(error.value)


@pytest.mark.realdata
def test_nmc_cathode(data_dir):
    from porosity.topology import connect_components
    from volio import read

    volume = read(data_dir / "volumes" / "nrel_nmc1cal_3label_z000-119.tif").load()
    eroded = Volume((volume.data == 1)[::2, ::2, ::2])
    parts = connect_components(eroded, phase=1).labels
    found = measure_particles(parts)
    assert found.table["voxels"].sum() == np.count_nonzero(eroded.data)
    assert found.table["inner_porosity"].between(0, 1).all()
