import numpy as np
import pytest

from segmentation import split_particles
from volio import InputError, Volume, read


def spheres(shape, centres, radii) -> np.ndarray:
    z, y, x = np.indices(shape, sparse=True)
    inside = np.zeros(shape, np.uint8)
    for (a, b, c), r in zip(centres, radii, strict=True):
        inside |= ((z - a) ** 2 + (y - b) ** 2 + (x - c) ** 2 <= r * r).astype(np.uint8)
    return inside


def test_touching_spheres_are_parted_where_they_meet() -> None:
    inside = spheres((30, 30, 50), [(14, 14, 15), (14, 14, 34)], [11, 11])
    found = split_particles(Volume(inside, voxel_size=0.1))
    assert found.metadata["particles"]["count"] == 2
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found.data > 0, inside > 0)
    assert (found.data[:, :, :24][inside[:, :, :24] > 0] == 1).all()
    assert (found.data[:, :, 26:][inside[:, :, 26:] > 0] == 2).all()


def test_every_sphere_of_a_packing_is_found_once() -> None:
    centres = [(a, b, c) for a in (10, 27, 44) for b in (10, 27, 44) for c in (10, 27, 44)]
    radii = np.random.default_rng(3).uniform(8.0, 9.5, 27)
    inside = spheres((55, 55, 55), centres, radii)
    found = split_particles(Volume(inside), depth=1.0)
    assert found.metadata["particles"]["count"] == 27
    numbers = [found.data[c] for c in centres]
    assert sorted(numbers) == list(range(1, 28))


def test_depth_decides_what_is_one_particle() -> None:
    inside = spheres((30, 30, 46), [(14, 14, 15), (14, 14, 29)], [11, 11])  # saddle: sqrt(121 - 49) = 8.5
    assert split_particles(inside, depth=1.0).metadata["particles"]["count"] == 2
    assert split_particles(inside, depth=4.0).metadata["particles"]["count"] == 1


def test_markers_are_the_h_maxima_of_scikit_image() -> None:
    morphology = pytest.importorskip("skimage.morphology")
    from scipy import ndimage

    rng = np.random.default_rng(8)
    centres, radii = rng.uniform(0, 40, (30, 3)), rng.uniform(3, 7, 30)
    inside = spheres((40, 40, 40), centres, radii)
    distance = ndimage.distance_transform_edt(inside)
    # the regional maxima of the reconstruction of distance - h below the distance
    base = morphology.reconstruction(distance - 1.0, distance, footprint=np.ones((3, 3, 3)))
    markers = ndimage.label(morphology.local_maxima(base, connectivity=3) & (inside > 0), np.ones((3, 3, 3)))[1]
    assert split_particles(inside).metadata["particles"]["count"] == markers


def test_axes_in_another_order_give_the_same_number() -> None:
    inside = spheres((40, 44, 48), np.random.default_rng(2).uniform(5, 40, (20, 3)), [6] * 20)
    counts = {split_particles(inside.transpose(o)).metadata["particles"]["count"] for o in ((0, 1, 2), (2, 0, 1))}
    assert len(counts) == 1


def test_edges_of_voxels_count() -> None:
    # two spheres along z, in voxels twice as long along z
    full = spheres((50, 30, 30), [(14, 14, 14), (33, 14, 14)], [11, 11])
    found = split_particles(Volume(np.ascontiguousarray(full[::2]), voxel_size=(2, 1, 1)), connectivity=6)
    assert found.metadata["particles"]["count"] == 2


def test_many_particles_outgrow_the_first_tables() -> None:
    grid = np.zeros((31, 31, 31), np.uint8)
    grid[1::2, 1::2, 1::2] = 1
    assert split_particles(grid, depth=0.0, connectivity=6).metadata["particles"]["count"] == 15**3


def test_bad_input_is_one_line() -> None:
    labels = np.zeros((4, 4, 4), np.uint8)
    with pytest.raises(InputError, match="label 1 is none of"):
        split_particles(labels)
    with pytest.raises(InputError, match="label 0 is all of"):
        split_particles(labels, label=0)
    with pytest.raises(InputError, match="depth must be at least 0"):
        split_particles(labels, depth=-1)
    with pytest.raises(InputError, match="connectivity must be 6, 18 or 26"):
        split_particles(labels, connectivity=5)  # type: ignore[arg-type]


@pytest.mark.realdata
def test_cathode_particles(data_dir) -> None:
    labels = read(data_dir / "volumes" / "nrel_nmc1cal_3label_z000-119.tif").crop(((0, 60), (0, 120), (0, 120)))
    count = split_particles(labels, depth=1.0).metadata["particles"]["count"]
    assert 20 < count < 500
