import numpy as np
import pytest

from viewers.slices import lay_out_slices, show_grey, show_labels, show_values
from volio import Volume


def plane(shape=(1, 30, 40), *, voxel_size=(2.0, 2.0, 1.0), dtype=np.uint8) -> Volume:
    data = (np.arange(np.prod(shape)) % 200).reshape(shape).astype(dtype)
    return Volume(data, voxel_size=voxel_size, origin=(0.0, 10.0, 0.0))


def test_panels_have_the_proportions_of_the_slice() -> None:
    figure, panels, chart = lay_out_slices(plane(), 2, title="Title", notes=["note"], below=1.5)
    assert chart is not None
    for panel in panels:
        box, (width, height) = panel.get_position(), figure.get_size_inches()
        assert box.height * height / (box.width * width) == pytest.approx(60 / 40)
        assert panel.get_xlim() == (-0.5, 39.5)
        assert panel.get_ylim() == (9.0, 69.0)
    assert panels[0].get_ylabel() == "y (µm)"
    assert chart.get_position().y1 < panels[0].get_position().y0


def test_without_a_voxel_size_lengths_are_voxels_and_there_is_no_bar() -> None:
    _, (panel,), chart = lay_out_slices(plane(voxel_size=None), 1, title="Title", notes=[])
    assert panel.get_xlabel() == "x (voxels)"
    assert chart is None
    assert not panel.texts


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_large_slices_are_thinned(dtype) -> None:
    large = plane((1, 2500, 30), dtype=dtype)
    _, (panel,), _ = lay_out_slices(large, 1, title="Title", notes=[])
    show_grey(panel, large, pale=True)
    show_values(panel, large, np.asarray(large.data)[0])
    show_labels(panel, large, {3: "#ff0000", 5: "#00ff00"})
    assert [image.get_array().shape for image in panel.images] == [(834, 10)] * 3


def test_only_the_phases_are_coloured() -> None:
    data = np.array([[[0, 1, 7, 255]]], np.uint8)
    small = Volume(data)
    _, (panel,), _ = lay_out_slices(small, 1, title="Title", notes=[])
    show_labels(panel, small, {0: "#000000", 7: "#ffffff"})
    np.testing.assert_array_equal(np.ma.getmaskarray(panel.images[0].get_array())[0], [False, True, False, True])


def test_a_slice_of_one_grey_value_or_none_is_drawn() -> None:
    for data in (np.ones((1, 4, 4), np.uint8), np.full((1, 4, 4), np.nan, np.float32)):
        _, (panel,), _ = lay_out_slices(Volume(data), 1, title="Title", notes=[])
        show_grey(panel, Volume(data))
        low, high = panel.images[0].get_clim()
        assert high > low


def test_greys_lie_between_robust_extremes_and_the_first_row_is_below() -> None:
    volume = plane()
    _, (panel,), _ = lay_out_slices(volume, 1, title="Title", notes=[])
    show_grey(panel, volume)
    (image,) = panel.images
    assert image.get_clim() == pytest.approx(np.percentile(volume.data, [0.5, 99.5]))
    assert image.origin == "lower"
    assert list(image.get_extent()) == [-0.5, 39.5, 9.0, 69.0]


def test_the_last_panel_has_a_bar_of_a_round_length() -> None:
    _, (first, last), _ = lay_out_slices(plane(), 2, title="Title", notes=[])
    assert not first.texts
    assert [text.get_text() for text in last.texts] == ["10 µm"]
