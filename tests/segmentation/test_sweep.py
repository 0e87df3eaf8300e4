import numpy as np
import pytest

from segmentation import UNLABELLED, Band, threshold, threshold_sweep
from volio import InputError, Volume, read, write


@pytest.mark.parametrize(("part", "noise"), [(0.2, 9.0), (0.5, 12.0), (0.75, 12.0)])
def test_the_band_covers_the_truth(part: float, noise: float) -> None:
    rng = np.random.default_rng(2)
    truth = rng.random((40, 40, 40)) < part
    grey = np.rint(np.where(truth, 80, 140) + rng.normal(0, noise, truth.shape)).astype(np.uint8)
    band = threshold_sweep(Volume(grey)).band(0)
    assert band.low - 1e-3 <= truth.mean() <= band.high + 1e-3
    assert band.low <= band.value <= band.high
    assert band.high - band.low < 0.08


def test_fractions_are_those_of_the_labels_and_metrics_see_them(phantom) -> None:
    seen = []

    def surface(labels: Volume) -> float:
        seen.append(labels)
        return float(sum(np.abs(np.diff(labels.data.astype(int), axis=a)).sum() for a in range(3)))

    sweep = threshold_sweep(Volume(phantom.grey, voxel_size=0.5), steps=5, metrics={"surface": surface})
    assert len(seen) == len(sweep.thresholds) in (5, 6)
    for labels, limit, fractions in zip(seen, sweep.thresholds, sweep.fractions, strict=True):
        np.testing.assert_array_equal(labels.data, phantom.grey > limit)
        assert fractions[1] == pytest.approx(labels.data.mean())
        assert labels.voxel_size == (0.5, 0.5, 0.5)
    band = sweep.band("surface")
    assert (band.low, band.high) == (sweep.metrics["surface"].min(), sweep.metrics["surface"].max())
    assert band.value == surface(threshold(Volume(phantom.grey)))
    assert list(sweep.table().columns) == ["threshold", "fraction_0", "fraction_1", "surface"]


def test_metrics_see_nothing_outside_of_a_mask(phantom) -> None:
    mask = np.zeros(phantom.grey.shape, np.uint8)
    mask[5:-5, 5:-5, 5:-5] = 1
    share = {"outside": lambda labels: float(np.mean(labels.data[mask == 0] == UNLABELLED))}
    sweep = threshold_sweep(Volume(phantom.grey), mask=Volume(mask), steps=2, metrics=share)
    assert (sweep.metrics["outside"] == 1).all()


def test_one_of_several_thresholds_moves() -> None:
    rng = np.random.default_rng(0)
    grey = np.concatenate([rng.normal(m, 8, 20000) for m in (50, 120, 200)]).reshape(60, 40, 25)
    sweep = threshold_sweep(Volume(grey), classes=3, boundary=1)
    assert np.ptp(sweep.fractions[:, 0]) == pytest.approx(0)
    assert 120 < sweep.thresholds[0] < sweep.thresholds[-1] < 200
    assert sweep.valley_found


def test_the_band_travels_with_the_labels(phantom, tmp_path) -> None:
    volume = Volume(phantom.grey)
    labels = threshold_sweep(volume, metrics={"mean": lambda v: v.data.mean()}).attach(threshold(volume))
    write(labels, tmp_path / "labels.ome.zarr")
    entry = read(tmp_path / "labels.ome.zarr").metadata["threshold_sweep"]
    assert entry["fraction_1"]["low"] < entry["fraction_1"]["value"] <= entry["fraction_1"]["high"]
    assert entry["mean"]["value"] == pytest.approx(entry["fraction_1"]["value"])
    assert entry["threshold_low"] <= entry["threshold"] <= entry["threshold_high"]


def test_bands_are_plain_values(phantom) -> None:
    sweep = threshold_sweep(Volume(phantom.grey), method="manual", values=[112.0])
    assert isinstance(sweep.band(1), Band)
    assert sweep.thresholds[sweep.best] == 112.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 1}, "steps must be a whole number of at least 2"),
        ({"boundary": 1}, "boundary must be a whole number from 0 to 0"),
        ({"method": "hysteresis", "values": [1, 2]}, "method hysteresis has two that act together"),
        ({"method": "sauvola"}, "no thresholds of the whole volume"),
    ],
)
def test_bad_options_are_one_line(phantom, options, message) -> None:
    with pytest.raises(InputError, match=message):
        threshold_sweep(Volume(phantom.grey), **options)
    with pytest.raises(InputError, match="no phase or metric 2: there are 0, 1"):
        threshold_sweep(Volume(phantom.grey)).band(2)


@pytest.mark.realdata
def test_porosity_of_cement_is_not_known_well_from_its_greys(data_dir) -> None:
    sweep = threshold_sweep(read(data_dir / "volumes" / "qim3d_cement_128x128x128.tif"))
    # Otsu's threshold stands in the slope of the paste; the valley beside the air voids belongs to the band
    assert sweep.thresholds[0] < 50 < sweep.thresholds[sweep.best]
    assert sweep.band(0).high - sweep.band(0).low > 0.05
