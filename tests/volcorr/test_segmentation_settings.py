from pathlib import Path

import pytest

from segmentation import smooth_median, smooth_nonlocal
from volcorr.segmentation_settings import FILTERS, SegmentationSettings, parse_filter
from volio import InputError


def settings(**options) -> SegmentationSettings:
    return SegmentationSettings(volumes=(Path("a.tif"),), output=Path("out"), **options)


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ({}, {"method": "otsu", "classes": 2}),
        ({"classes": 3}, {"method": "otsu", "classes": 3}),
        ({"fraction": 0.3}, {"method": "fraction", "classes": 2, "fraction": 0.3}),
        ({"values": (1.0, 2.0)}, {"method": "manual", "classes": 3, "values": (1.0, 2.0)}),
        ({"values": (1.0, 2.0), "method": "hysteresis"}, {"method": "hysteresis", "classes": 2, "values": (1.0, 2.0)}),
        ({"method": "local", "window": 9}, {"method": "local", "classes": 2, "window": 9, "weight": 0.2}),
        ({"method": "li", "window": 9}, {"method": "li", "classes": 2}),
    ],
)
def test_the_method_follows_from_what_is_given(given, made) -> None:
    assert settings(**given).threshold_options == made


def test_what_the_labels_depend_on() -> None:
    found = settings(phase=0, specks=5, threads=3, memory="1GB", filters=("median",)).measured
    assert found == {
        "method": "otsu",
        "classes": 2,
        "filters": ("median",),
        "specks": 5,
        "phase": 0,
        "format": "ome.zarr",
    }
    learnt = settings(train=Path("l.tif"), sigmas=(2.0,))
    assert learnt.measured == {"format": "ome.zarr", "unlabelled": 0, "sigmas": (2.0,)}
    assert learnt.feature_set().sigmas == (2.0,)
    assert learnt.inputs == {"volume 1": Path("a.tif"), "training labels": Path("l.tif")}


@pytest.mark.parametrize("options", [{"memory": "1GB"}, {"executor": "dask"}, {"scheduler": "tcp://a:1"}])
def test_limits_and_clusters_leave_volumes_on_disk(options) -> None:
    assert settings(**options).stays_on_disk is True
    assert settings().stays_on_disk is None


def test_filters_are_functions_with_their_option() -> None:
    assert parse_filter("median:5").keywords == {"size": 5}
    assert parse_filter("median:5").func is smooth_median
    assert parse_filter("nlm").func is smooth_nonlocal
    assert [parse_filter(name).keywords for name in FILTERS] == [{}] * len(FILTERS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"flatten": "iron"}, "flatten must be one of background"),
        ({"format": "png"}, "format must be one of ome.zarr"),
        ({"filters": ("median:x",)}, "no number behind its colon"),
        ({"match": True}, "give more than one"),
        ({"train": Path("a"), "sweep": True}, "a classifier has no sweep"),
    ],
)
def test_settings_that_are_refused(options, message: str) -> None:
    with pytest.raises(InputError, match=message):
        settings(**options)


@pytest.mark.parametrize("name", ["labels.tif", "labels.ome.zarr"])
def test_a_file_is_no_folder(name: str) -> None:
    with pytest.raises(InputError, match="is to be a folder"):
        SegmentationSettings(volumes=(Path("a.tif"),), output=Path(name))


def test_no_volume_is_refused() -> None:
    with pytest.raises(InputError, match="no volume to segment"):
        SegmentationSettings(volumes=(), output=Path("out"))
