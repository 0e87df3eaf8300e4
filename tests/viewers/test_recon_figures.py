"""Pictures of a reconstruction hold every panel, with labels and units, and nothing overlaps."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from recon.axis_sharpness import CandidateSlices
from recon.preview import Preview
from viewers import recon_figures
from viewers.recon_figures import draw_preview
from volio.errors import InputError, OutputError

SIZE = 64


@pytest.fixture
def preview():
    rng = np.random.default_rng(0)
    offsets = np.arange(SIZE) - 0.5 * (SIZE - 1)
    disc = np.hypot(offsets[:, None], offsets) <= 28
    slices = (0.3 * disc + 0.02 * rng.normal(size=(3, SIZE, SIZE))).astype(np.float32)
    centers = 31.2 + np.arange(-4.0, 5.0)
    candidates = CandidateSlices(centers, np.stack([slices[0]] * 9), 100 + np.abs(centers - 31.2))
    counts, edges = np.histogram(slices[:, disc], 200)
    names = ("none", "all", "sorting", "filtering", "wavelets", "regularization")
    return Preview(
        rows=(8, 16, 24),
        slices=slices,
        radius=28.0,
        rings="all",
        center=31.2,
        center_sigma=0.07,
        center_from="search",
        candidates=candidates,
        middle=1,
        ring_slices=dict.fromkeys(names, slices[1]),
        sinogram=rng.normal(size=(90, SIZE)).astype(np.float32),
        angles=np.radians(np.linspace(-70, 70, 90)),
        counts=counts,
        edges=edges,
        pixel_size=0.5,
        unit="um",
        name="pillar",
        notes=("positions of the flats were not given: one constant beam is assumed",),
    )


@pytest.fixture
def figure(preview, tmp_path, monkeypatch):
    """Return a function that draws a preview with changes, and gives back the figure instead of saving it."""
    kept = []

    def keep(self, path, **options):
        kept.append(self)
        path.write_bytes(b"")

    monkeypatch.setattr(Figure, "savefig", keep)

    def make(**changes):
        draw_preview(replace(preview, **changes), tmp_path / "look.png")
        return kept[-1]

    return make


def texts(figure):
    own = [t.get_text() for t in figure.texts]
    of_axes = [a.title.get_text() or a.get_title(loc="left") for a in figure.axes]
    labels = [label for a in figure.axes for label in (a.get_xlabel(), a.get_ylabel())]
    return [t for t in own + of_axes + labels if t]


def test_the_picture_is_one_file(preview, tmp_path):
    path = draw_preview(preview, tmp_path / "look.png")
    assert path == tmp_path / "look.png"
    image = imread(path)
    assert image.shape[0] > 1500
    assert image.shape[1] > 2000
    assert np.ptp(image) > 0.9
    assert [p.name for p in tmp_path.iterdir()] == ["look.png"]
    assert draw_preview(preview, tmp_path / "look.pdf").stat().st_size > 10_000


def test_every_panel_is_there_with_its_unit(figure):
    shown = texts(figure())
    for part in ("detector row 8", "detector row 16", "detector row 24", "column 31.20, sharpest", "none", "all",
                 "regularization", "attenuation (1/µm)", "line integral", "pixels", "angle",
                 "detector column (the axis dashed)"):  # fmt: skip
        assert part in shown, part
    assert "Preview of pillar" in shown
    head = " ".join(shown)
    assert "axis searched for: column 31.20 ± 0.07" in head
    assert "90 projections from -70° to 70°" in head
    assert "one constant beam is assumed" in head


def test_no_panel_covers_another_and_no_text_leaves_the_page(figure):
    drawn = figure()
    renderer = drawn.canvas.get_renderer()
    boxes = [axes.get_tightbbox(renderer) for axes in drawn.axes] + [t.get_window_extent() for t in drawn.texts]
    width, height = drawn.get_size_inches() * drawn.dpi
    for i, box in enumerate(boxes):
        assert box.x0 >= 0, i
        assert box.y0 >= 0, i
        assert box.x1 <= width, i
        assert box.y1 <= height, i
        for other in boxes[:i]:
            apart = min(box.x1, other.x1) - max(box.x0, other.x0), min(box.y1, other.y1) - max(box.y0, other.y0)
            assert min(apart) < 2, (box, other)


def test_chosen_axis_and_method_are_framed(figure):
    framed = [a.get_title(loc="left") for a in figure().axes if a.spines["left"].get_linewidth() > 2]
    assert framed == ["column 31.20, sharpest", "all"]


def test_a_scan_without_sizes_and_rows_says_so(figure, preview):
    few = {"rows": (0,), "slices": preview.slices[:1], "middle": 0, "notes": ("one", "two", "three", "four", "five")}
    unknown = {"center_from": "middle", "center_sigma": float("nan"), "pixel_size": None, "rings": None, "name": ""}
    drawn = figure(**few, **unknown)
    shown = " ".join(texts(drawn))
    assert "attenuation (1/pixel)" in shown
    assert "Preview of a scan" in shown
    assert "the middle: no search gave an answer" in shown
    assert "rings not removed" in shown
    assert "and 1 more notes" in shown
    rulers = [t.get_text() for a in drawn.axes for t in a.texts]
    assert any("pixels" in text for text in rulers)


@pytest.mark.parametrize(("source", "text"), [("given", "31.20, as given"), ("scan", "31.20, as the scan states")])
def test_the_head_says_where_the_axis_is_from(figure, source, text):
    assert text in " ".join(texts(figure(center_from=source)))


def test_candidates_at_the_edge_of_the_detector_are_drawn(figure, preview):
    few = replace(preview.candidates, centers=preview.candidates.centers[3:], slices=preview.candidates.slices[3:],
                  roughness=preview.candidates.roughness[3:])  # fmt: skip
    drawn = figure(candidates=few)
    columns = [a.get_title(loc="left") for a in drawn.axes if a.get_title(loc="left").startswith("column")]
    assert len(columns) == 3


def test_large_slices_get_more_dots(preview, tmp_path, monkeypatch):
    dots = []

    def note(_, path, *, dpi, **options):
        dots.append(dpi)
        path.write_bytes(b"")

    monkeypatch.setattr(Figure, "savefig", note)
    for size in (64, 1000, 2000):
        large = replace(preview, slices=np.zeros((3, size, size), np.float32), radius=0.4 * size)
        draw_preview(large, tmp_path / "look.png")
    assert dots[0] < dots[1] < dots[2] < 300
    assert dots[1] == pytest.approx(1000 / 4.55)


def test_other_extensions_are_named(preview, tmp_path):
    with pytest.raises(InputError, match=r"a picture must be one of \.png, \.pdf, \.svg, got 'look\.xyz'"):
        draw_preview(preview, tmp_path / "look.xyz")
    assert not list(tmp_path.iterdir())


def test_where_nothing_can_be_written_is_named(preview, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        draw_preview(preview, tmp_path / "file" / "look.png")


def test_public_names():
    assert recon_figures.__all__ == ["draw_preview", "draw_quality"]


def test_slices_are_in_the_unit_of_length_and_sinograms_in_columns(figure):
    panels = figure().axes
    (slice_8,) = [axes for axes in panels if axes.get_title(loc="left") == "detector row 8"]
    assert slice_8.get_xlim() == slice_8.get_ylim() == (0.0, 0.5 * SIZE)
    (sinogram,) = [axes for axes in panels if axes.get_ylabel() == "angle"]
    # the middles of pixels are at whole columns and projections
    assert list(sinogram.images[0].get_extent()) == [-0.5, SIZE - 0.5, 89.5, -0.5]
