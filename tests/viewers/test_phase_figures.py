from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from porosity import phase_fractions
from segmentation import compute_histogram, threshold
from viewers.phase_figures import (
    draw_fraction_figures,
    draw_fraction_profiles,
    draw_fraction_steps,
    draw_segmentation,
    draw_segmentation_figures,
    draw_segmentation_steps,
)
from volcorr.fraction_run import FractionStep, FractionStudy
from volcorr.phase_files import middle_slice
from volcorr.segmentation_study import SegmentationStudy, SegmentedVolume
from volio import Volume


def make_volume(name: str, **options) -> SegmentedVolume:
    rng = np.random.default_rng(1)
    truth = np.indices((24, 28, 32))[2] // 12
    grey = Volume(np.clip(60 + 50 * truth + rng.normal(0, 8, truth.shape), 0, 255).astype(np.uint8), voxel_size=2.0)
    labels = threshold(grey, **options)
    counts = dict(zip(*(part.tolist() for part in np.unique(labels.data, return_counts=True)), strict=True))
    return SegmentedVolume(
        name=name,
        file=f"{name}.tif",
        grey=middle_slice(grey),
        labels=middle_slice(labels),
        histogram=compute_histogram(grey),
        segmentation=labels.metadata["segmentation"],
        cleanup=(),
        counts=counts,
        sweep=None,
    )


@pytest.fixture(scope="module")
def study() -> SegmentationStudy:
    return SegmentationStudy((make_volume("first", classes=3), make_volume("second", classes=3)), None)


def test_the_histogram_shows_thresholds_bands_and_fractions(study: SegmentationStudy) -> None:
    volume = study.volumes[0]
    _, phases, chart = draw_segmentation(volume).axes
    assert [line.get_xdata()[0] for line in chart.lines] == volume.thresholds
    names = [text.get_text() for text in chart.get_legend().get_texts()]
    assert names[0].startswith(f"phase 0: {100 * volume.fractions[0]:.1f} % (")
    assert set(names[3:]) == {"threshold", "its band"}
    np.testing.assert_array_equal(phases.images[1].get_array(), volume.labels.data[0])


def test_phases_without_thresholds_keep_their_colours(study: SegmentationStudy) -> None:
    volume = replace(study.volumes[0], segmentation={"method": "pixel classifier"})
    chart = draw_segmentation(volume).axes[2]
    handles = chart.get_legend().get_patches()
    assert len({handle.get_facecolor() for handle in handles}) == 3
    assert not chart.lines


def test_fractions_by_volume(study: SegmentationStudy, tmp_path: Path) -> None:
    axes = draw_segmentation_steps(study).axes[0]
    np.testing.assert_allclose(axes.lines[1].get_ydata(), [100 * v.fractions[1] for v in study.volumes])
    files = draw_segmentation_figures(study, tmp_path)
    assert [file.name for file in files] == ["first.png", "second.png", "fractions.png"]


@pytest.fixture(scope="module")
def fractions() -> FractionStudy:
    rng = np.random.default_rng(2)
    steps = []
    for name, most in (("a", 2), ("b", 5)):
        labels = Volume(rng.integers(0, most, (16, 20, 24)).astype(np.uint8), voxel_size=1.0)
        steps.append(FractionStep(name, phase_fractions(labels, slab=2), {}))
    return FractionStudy(tuple(steps))


def test_profiles_along_all_axes(fractions: FractionStudy) -> None:
    step = fractions.steps[1]
    figure = draw_fraction_profiles(step)
    assert [axes.get_xlabel() for axes in figure.axes] == [
        "z (µm)", "y (µm)", "x (µm)", "distance from the axis along z (µm)",
    ]  # fmt: skip
    line = figure.axes[0].lines[1]
    np.testing.assert_allclose(line.get_ydata(), 100 * step.found.profiles["z"]["0"])
    assert len(figure.legends[0].get_texts()) == 5


def test_a_phase_that_a_volume_lacks_is_zero_there(fractions: FractionStudy, tmp_path: Path) -> None:
    axes = draw_fraction_steps(fractions).axes[0]
    lines = {line.get_label(): line.get_ydata() for line in axes.lines}
    assert lines["phase 4"][0] == 0
    assert lines["phase 0"][1] == pytest.approx(100 * fractions.steps[1].found.fraction[0])
    files = draw_fraction_figures(fractions, tmp_path)
    assert [file.name for file in files] == ["a.png", "b.png", "fractions.png"]


def test_without_intervals_nothing_is_said_of_them(fractions: FractionStudy) -> None:
    labels = Volume(np.random.default_rng(3).integers(0, 2, (8, 8, 8)).astype(np.uint8))
    step = FractionStep("plain", phase_fractions(labels, uncertainty="none"), {})
    figure = draw_fraction_profiles(step)
    texts = [text.get_text() for text in figure.texts]
    assert "plain" in texts
    assert not any("confidence" in text for text in texts)


def test_every_bin_is_drawn_once_and_the_bands_where_they_are(study: SegmentationStudy) -> None:
    volume = study.volumes[0]
    chart = draw_segmentation(volume).axes[2]
    bars = [bar for container in chart.containers for bar in container]
    assert sum(bar.get_height() for bar in bars) == pytest.approx(100)
    spans = [(span.get_x(), span.get_x() + span.get_width()) for span in chart.patches if span not in bars]
    entry = volume.segmentation
    np.testing.assert_allclose(spans, list(zip(entry["threshold_low"], entry["threshold_high"], strict=True)))


def test_fractions_and_their_intervals_are_in_percent(study: SegmentationStudy, fractions: FractionStudy) -> None:
    bars = draw_segmentation_steps(study).axes[0].collections[1::2]
    for phase, one in zip(study.phases, bars, strict=True):
        ends = [segment[:, 1] for segment in one.get_segments()]
        np.testing.assert_allclose(ends, [100 * np.array(volume.bands()[phase]) for volume in study.volumes])
    found = fractions.steps[1].found
    profile = draw_fraction_profiles(fractions.steps[1]).axes[0]
    np.testing.assert_allclose([line.get_ydata()[0] for line in profile.lines[::2]], 100 * found.fraction)
