from dataclasses import replace

import numpy as np
import pytest

from viewers import cut_sections
from volcorr.fields import Status
from volio import InputError, Volume


class Recorder:
    """An array that remembers what was read."""

    def __init__(self, data):
        self.data, self.shape, self.dtype, self.ndim = data, data.shape, data.dtype, data.ndim
        self.read = []

    def __getitem__(self, slices):
        block = self.data[slices]
        self.read.append(block.shape)
        return block


def coordinates(volume, fields, axis):
    """A volume whose grey values are its voxel positions along one axis."""
    origin, size = fields.attrs["volume_origin"][axis], fields.attrs["voxel_size"][axis]
    positions = origin + size * np.arange(volume.shape[axis])
    grid = np.expand_dims(positions, [a for a in range(3) if a != axis])
    return replace(volume, data=np.broadcast_to(grid, volume.shape).astype(np.float32))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_reference_lies_where_its_voxels_are(fields, volume, axis):
    name = "zyx"[axis]
    for section in cut_sections(fields, coordinates(volume, fields, axis)).planes:
        rows, columns = section.grey.shape
        left, right, bottom, top = section.grey_extent
        x = left + (np.arange(columns) + 0.5) * (right - left) / columns
        y = bottom + (np.arange(rows) + 0.5) * (top - bottom) / rows
        if name == section.horizontal:
            np.testing.assert_allclose(section.grey, np.broadcast_to(x, (rows, columns)), rtol=1e-6)
        elif name == section.vertical:
            np.testing.assert_allclose(section.grey, np.broadcast_to(y[:, None], (rows, columns)), rtol=1e-6)
        else:
            np.testing.assert_allclose(section.grey, section.position, rtol=1e-6)


def test_patches_are_centred_on_the_points(fields):
    for section in cut_sections(fields).planes:
        left, right, bottom, top = section.patches
        for low, high, axis in ((left, right, section.horizontal), (bottom, top, section.vertical)):
            points = fields[axis].to_numpy()
            centres = low + (np.arange(points.size) + 0.5) * (high - low) / points.size
            np.testing.assert_allclose(centres, points)


def test_sections_pass_through_the_middle_of_the_valid_points(make_fields):
    fields = make_fields((64, 96, 96), masked=False)
    status = np.full(fields["status"].shape, Status.OUTSIDE_MASK, np.uint8)
    status[1:4, 6:9, 2:3] = Status.VALID
    sections = cut_sections(fields.assign(status=(("z", "y", "x"), status)))
    assert [(s.name, s.normal, s.index) for s in sections.planes] == [
        ("zx", "y", 7),
        ("zy", "x", 2),
        ("yx", "z", 2),
    ]


def test_the_window_holds_the_subsets_of_the_specimen_and_no_more_than_the_volume(make_fields):
    fields = make_fields((64, 200, 200), masked=False)
    status = np.full(fields["status"].shape, Status.OUTSIDE_MASK, np.uint8)
    status[:, 8:15, 8:15] = Status.VALID
    status[0, 8, 8] = Status.LOW_CORRELATION
    zx = cut_sections(fields.assign(status=(("z", "y", "x"), status))).planes[0]
    x = fields["x"].to_numpy()[[8, 14]]
    assert x[0] - 12 < zx.window[0] <= x[0] - 8.5
    assert x[1] + 8.5 <= zx.window[1] < x[1] + 12
    whole = cut_sections(fields).planes[0]
    assert whole.window[0] >= -0.5
    assert whole.window[1] <= 199.5


def test_only_three_slices_are_read(fields, volume):
    recorder = Recorder(volume.data)
    cut_sections(fields, replace(volume, data=recorder))
    assert len(recorder.read) == 3
    assert all(1 in shape for shape in recorder.read)


def test_large_slices_are_averaged_in_place(make_fields):
    shape = (30, 30, 3001)
    fields = make_fields(shape, masked=False)
    ramp = np.broadcast_to(np.arange(3001, dtype=np.float32), shape)
    zx = cut_sections(fields, Volume(ramp)).planes[0]
    left, right = zx.grey_extent[:2]
    columns = zx.grey.shape[1]
    assert columns <= 1200
    centres = left + (np.arange(columns) + 0.5) * (right - left) / columns
    np.testing.assert_allclose(zx.grey, np.broadcast_to(centres, zx.grey.shape), atol=1e-3)


def test_values_are_cut_as_vertical_by_horizontal(fields):
    for section in cut_sections(fields).planes:
        rows = np.broadcast_to(
            fields[section.vertical].to_numpy()[:, None],
            (fields.sizes[section.vertical], fields.sizes[section.horizontal]),
        )
        everywhere = fields[section.vertical].broadcast_like(fields["u_z"])
        np.testing.assert_array_equal(section.cut(everywhere), rows)


def test_grey_limits_ignore_what_is_not_finite_and_single_bright_voxels(fields, volume):
    data = np.random.default_rng(0).uniform(100, 200, volume.shape).astype(np.float32)
    data[:, 32, :3] = np.nan
    data[30, 30, 30] = 1e6
    low, high = cut_sections(fields, replace(volume, data=data)).grey_limits
    assert 190 < high < 201
    assert 45 < low < 60  # the darkest grey value is drawn at a third of the scale


@pytest.mark.parametrize("value", [7.0, np.nan])
def test_a_reference_without_contrast_can_be_drawn(fields, volume, value):
    low, high = cut_sections(fields, replace(volume, data=np.full(volume.shape, value, np.float32))).grey_limits
    assert low < high


def test_sections_are_cut_once(fields, volume):
    sections = cut_sections(fields, volume)
    assert cut_sections(fields, sections) is sections


def test_without_any_valid_point_the_middle_of_the_grid_is_cut(nothing_valid):
    outside = nothing_valid.assign(status=nothing_valid["status"] * 0 + Status.OUTSIDE_MASK)
    assert [section.index for section in cut_sections(outside).planes] == [3, 3, 3]


def test_a_reference_of_another_shape_is_refused(fields, make_volume):
    with pytest.raises(InputError, match=r"shape \(8, 8, 8\), but the field was measured on \(64, 64, 64\)"):
        cut_sections(fields, make_volume((8, 8, 8)))


def test_a_dataset_that_is_no_field_is_refused(fields):
    with pytest.raises(InputError, match="u_z"):
        cut_sections(fields.drop_vars("u_z"))
