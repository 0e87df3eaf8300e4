"""Pictures of the quality of a reconstruction: a number and a picture for each question."""

import math

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from recon.missing_wedge import find_missing_wedge
from recon.quality import ScanQuality, compare_halves
from viewers.quality_figures import draw_quality
from volio.errors import OutputError

NAMES = ["resolution", "noise", "rings", "wedge", "sharpness"]
LIMITED = np.radians(np.linspace(-60, 60, 91))


@pytest.fixture(scope="module")
def halves():
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(0)
    signal = 20 * gaussian_filter(rng.normal(size=(16, 48, 48)), (1, 2.5, 1.2))
    return [(signal + rng.normal(size=signal.shape)).astype(np.float32) for _ in range(2)]


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """Return a function that draws, and gives back paths and the figures instead of saving them."""

    def draw(quality):
        figures = []

        def keep(self, path, **options):
            figures.append(self)
            path.write_bytes(b"")

        monkeypatch.setattr(Figure, "savefig", keep)
        paths = draw_quality(quality, tmp_path / "quality")
        monkeypatch.undo()
        return paths, figures

    return draw


def texts(figure):
    parts = [t.get_text() for t in figure.texts]
    for axes in figure.axes:
        parts += [axes.get_title(loc="left"), axes.get_xlabel(), axes.get_ylabel()]
    return " ".join(parts)


def test_numbers_units_and_files(halves, drawn):
    volume = compare_halves(*halves, angles=LIMITED, voxel_size=0.064)
    quality = ScanQuality(volume, find_missing_wedge(LIMITED), 0.02, 0.4, 1.3)
    paths, figures = drawn(quality)
    assert [path.name for path in paths] == [f"quality_{name}.png" for name in NAMES]
    resolution, noise, rings, wedge, sharpness = (texts(figure) for figure in figures)
    assert f"half bit: {volume.resolution:.3g} µm" in resolution
    assert "cycles per µm" in resolution
    assert f"noise {volume.noise:.3g} 1/µm" in noise
    assert "of a line integral: 0.02" in noise
    assert f"strength {volume.ring_strength:.3g} 1/µm" in rings
    assert f"{volume.axis_ratio:.3g} times as coarse" in wedge
    assert f"{quality.wedge.elongation:.3g} times is expected" in wedge
    assert f"{np.degrees(quality.wedge.width):.3g}° are missing about 90° from x towards y" in wedge
    assert f"{volume.sharpness / 0.064:.3g} cycles per µm" in sharpness


def test_curves_are_those_of_the_report(halves, drawn):
    volume = compare_halves(*halves, angles=LIMITED, voxel_size=0.5)
    _, figures = drawn(volume)
    shells = figures[0].axes[0].lines[0]
    np.testing.assert_allclose(shells.get_xdata(), volume.shells.frequencies / 0.5)
    np.testing.assert_allclose(shells.get_ydata(), volume.shells.correlation)
    profile = figures[2].axes[0].lines
    shown = np.concatenate([profile[0].get_ydata(), profile[1].get_ydata()])
    np.testing.assert_allclose(shown, volume.rings.profile)


def test_nothing_overlaps(halves, drawn):
    quality = ScanQuality(compare_halves(*halves, angles=LIMITED), find_missing_wedge(LIMITED), 0.02, 0.4, 1.3)
    for figure in drawn(quality)[1]:
        boxes = [axes.get_tightbbox() for axes in figure.axes] + [t.get_window_extent() for t in figure.texts]
        width, height = figure.get_size_inches() * figure.dpi
        for i, box in enumerate(boxes):
            assert box.x0 >= 0
            assert box.x1 <= width
            assert box.y0 >= 0
            assert box.y1 <= height
            for other in boxes[:i]:
                apart = min(box.x1, other.x1) - max(box.x0, other.x0), min(box.y1, other.y1) - max(box.y0, other.y0)
                assert min(apart) < 2, (texts(figure), box, other)


def test_a_volume_in_voxels_from_all_sides(halves, drawn):
    turn = np.linspace(0, np.pi, 90, endpoint=False)
    volume = compare_halves(*halves, angles=turn)
    _, figures = drawn(ScanQuality(volume, find_missing_wedge(turn), 0.02, 0.4, 1.3))
    assert "no direction is missing" in texts(figures[3])
    assert "cycles per voxel" in texts(figures[0])
    assert "1/voxel" in texts(figures[1])


def test_nothing_in_common_is_drawn_as_that(drawn):
    one = np.random.default_rng(0).normal(size=(16, 40, 40)).astype(np.float32)
    _, figures = drawn(compare_halves(one, -one, angles=LIMITED))
    assert "half bit: none" in texts(figures[0])
    assert "nothing in common" in texts(figures[4])
    same = compare_halves(one, one, angles=LIMITED)
    assert same.contrast_to_noise == math.inf
    _, figures = drawn(same)
    assert "noise 0 1/voxel" in texts(figures[1])


def test_an_even_volume_is_drawn(drawn):
    even = np.full((16, 40, 40), 0.5, np.float32)
    paths, _ = drawn(compare_halves(even, even, angles=LIMITED))
    assert len(paths) == 5


def test_files_hold_pictures(halves, tmp_path):
    paths = draw_quality(compare_halves(*halves, angles=LIMITED, voxel_size=0.064), tmp_path / "new" / "quality")
    assert [path.parent.name for path in paths] == ["quality"] * 5
    assert all(np.ptp(imread(path)) > 0.9 for path in paths)


def test_a_folder_that_cannot_be_made_is_named(halves, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be made"):
        draw_quality(compare_halves(*halves, angles=LIMITED), tmp_path / "file" / "quality")


def test_curves_stand_where_their_numbers_say(halves, drawn):
    volume = compare_halves(*halves, angles=LIMITED, voxel_size=0.064)
    missing = find_missing_wedge(LIMITED)
    _, (resolution, noise, rings, wedge, _) = drawn(ScanQuality(volume, missing, 0.02, 0.4, 1.3))
    lines = {line.get_label(): line for line in resolution.axes[0].lines}
    np.testing.assert_allclose(lines["half bit"].get_xdata(), volume.shells.frequencies / 0.064)
    assert noise.axes[0].get_xlim() == pytest.approx((0, 48 * 0.064))
    assert noise.axes[-1].get_xlim() == pytest.approx((-4.5 * volume.noise, 4.5 * volume.noise))
    distances = np.concatenate([line.get_xdata() for line in rings.axes[0].lines[:2]])
    np.testing.assert_allclose(distances, 0.064 * volume.rings.distances)
    directions = wedge.axes[2]
    places, power = directions.lines[0].get_data()
    # the specimen is blurred more along y, at 90 degrees
    assert power[np.abs(places - 90) < 20].mean() < 0.5 * power[np.abs(places - 90) > 70].mean()
    spans = [(span.get_x(), span.get_width()) for span in directions.patches]
    middle, width = np.degrees(missing.direction), np.degrees(missing.width)
    np.testing.assert_allclose(spans, [(middle - width / 2 + turn, width) for turn in (-180, 0, 180)])
