import math
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.text import Text

from viewers.style import save_figure
from viewers.subset_figure import draw_subset_study
from volcorr.subset_result import SizeResult, SubsetStudy

EDGES = (33, 25, 17, 13)


def make_study(*, unit: str = "um", detail: str | None = None, shape=lambda n: (n, n, n)) -> SubsetStudy:
    size = 1.0 if unit == "voxel" else 0.128
    rows = tuple(
        SizeResult(
            subset=shape(n),
            edge=n * size,
            spacing=shape(n // 2),
            tried=200,
            valid=200 - k * k,
            mean_cc=0.95 - 0.01 * k,
            median_cc=0.96 - 0.01 * k,
            sigma=0.5 * n**-1.5,
            repeat_noise=math.nan,
            strain_noise=0.2 * n**-2.5,
            resolution=4 * n * size,
            strain_resolution=7 * n * size,
            gauge=2 * n * size,
            total_error=0.2 * n**-2.5 + 1e-6 * n if detail else math.nan,
            independent=100,
            seconds=1.0,
            points_per_second=500.0,
        )
        for k, n in enumerate(EDGES)
    )
    return SubsetStudy(
        sizes=rows,
        chosen=2,
        reason="a reason",
        unit=unit,
        voxel_size=None if unit == "voxel" else (size,) * 3,
        reference="step_00",
        deformed="step_01",
        points=180,
        study_spacing=20,
        shape="affine",
        strain_window=(3, 3, 3),
        strain=0.02,
        strain_noise_limit=2e-4,
        min_valid=0.95,
        detail=detail,
    )


def texts(figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def rings(axes) -> list[tuple[float, float]]:
    lines = [line for line in axes.lines if line.get_markersize() == 12]
    return [(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in lines]


def test_every_size_and_the_recommended_one_are_shown() -> None:
    study = make_study()
    match, share, trade = draw_subset_study(study).axes[:3]
    assert list(match.lines[0].get_xdata()) == [row.edge for row in study.sizes]
    assert list(match.lines[0].get_ydata()) == [row.mean_cc for row in study.sizes]
    assert list(share.lines[0].get_ydata()) == [100 * row.valid_share for row in study.sizes]
    assert list(trade.lines[0].get_xdata()) == [row.strain_resolution for row in study.sizes]
    assert list(trade.lines[0].get_ydata()) == [100 * row.strain_noise for row in study.sizes]
    row = study.recommended
    assert rings(match) == [(row.edge, row.mean_cc)]
    assert rings(share) == [(row.edge, 100 * row.valid_share)]
    assert rings(trade) == [(row.strain_resolution, 100 * row.strain_noise)]
    low, high = share.get_ylim()
    assert low <= 90
    assert high > 100


def test_lengths_are_told_in_micrometres_and_voxels() -> None:
    figure = draw_subset_study(make_study())
    figure.canvas.draw()
    shown = texts(figure)
    assert "edge of the subset (µm)" in shown
    assert "edge of the subset (voxels)" in shown
    assert "2.18 µm" in shown
    assert "\n33\n" in shown
    assert "limit 0.02 %" in shown


def test_without_a_voxel_size_everything_is_in_voxels() -> None:
    figure = draw_subset_study(make_study(unit="voxel", shape=lambda n: (n, n, n // 2 * 2 - 3)))
    figure.canvas.draw()
    assert "µm" not in texts(figure)
    assert "17 x 17 x 13" in texts(figure)


def test_a_detail_adds_the_total_error() -> None:
    trade = draw_subset_study(make_study(detail="20 um")).axes[2]
    assert "total error of a wave of 20 µm" in texts(trade)
    assert len(rings(trade)) == 2
    assert trade.get_ylabel() == "error of strain (%)"


def test_sizes_that_failed_leave_a_gap() -> None:
    study = make_study()
    lost = replace(study.sizes[3], valid=0, mean_cc=math.nan, sigma=math.nan, strain_noise=math.nan)
    figure = draw_subset_study(replace(study, sizes=(*study.sizes[:3], lost)))
    assert len(figure.axes[2].lines[0].get_xdata()) == 3
    nothing = tuple(replace(row, valid=0, mean_cc=math.nan, strain_noise=math.nan) for row in study.sizes)
    figure = draw_subset_study(replace(study, sizes=nothing, chosen=0))
    figure.canvas.draw()
    assert "no valid point" in texts(figure)


@pytest.mark.parametrize("unit", ["um", "voxel"])
def test_one_size_alone_is_drawn(tmp_path: Path, unit: str) -> None:
    study = make_study(unit=unit)
    one = replace(study, sizes=study.sizes[:1], chosen=0)
    assert save_figure(draw_subset_study(one), tmp_path / "one.png").stat().st_size > 10_000


def test_nothing_leaves_the_page() -> None:
    for study in (make_study(), make_study(unit="voxel"), make_study(detail="20 um")):
        figure = draw_subset_study(study)
        figure.canvas.draw()
        page = figure.bbox
        for axes in figure.axes:
            box = axes.get_tightbbox()
            assert box.x0 >= page.x0
            assert box.x1 <= page.x1
            assert box.y0 >= page.y0
            assert box.y1 <= page.y1
