from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from porosity import local_thickness, mip, mip_from_each_face, pore_size_distribution
from viewers.pore_figures import draw_pore_figures, draw_pore_sizes, draw_pore_steps, draw_thickness
from volcorr.phase_files import middle_slice
from volcorr.pore_size_study import PoreSizeStudy, PoreStep


def make_step(name: str, *, level: float = 0.0, inlet: str | None = None, edge: float | None = 0.5) -> PoreStep:
    from scipy import ndimage

    pores = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(32, 32, 32)), 2) > level
    found = {}
    if inlet == "each":
        found = dict(mip_from_each_face(pores, voxel_size=edge).faces)
    elif inlet is not None:
        found = {inlet: mip(pores, inlet=inlet, voxel_size=edge)}
    thickness = middle_slice(local_thickness(pores, voxel_size=edge))
    return PoreStep(name, pore_size_distribution(pores, voxel_size=edge), found, thickness)


@pytest.fixture(scope="module")
def series() -> PoreSizeStudy:
    return PoreSizeStudy(
        tuple(make_step(f"step {n}", level=0.02 * n, inlet="all") for n in range(3)), (0,), solid=False
    )


def test_the_curves_are_those_that_were_measured(series: PoreSizeStudy) -> None:
    cumulative, density = draw_pore_sizes(series).axes
    line = cumulative.lines[0]
    sizes = series.steps[0].sizes
    np.testing.assert_allclose(line.get_xdata()[1:-1], sizes.radius)
    np.testing.assert_allclose(line.get_ydata()[1:-1], sizes.cumulative)
    assert len(cumulative.lines) == len(density.lines) == 6
    assert [text.get_text() for text in cumulative.get_legend().get_texts()] == [
        "step 0", "intrusion, all faces", "step 1", "step 2",
    ]  # fmt: skip
    assert cumulative.get_xlabel() == "radius (µm)"


@pytest.mark.parametrize(("inlet", "name"), [("each", "intrusion, each face"), ("z-", "intrusion, z-"), (None, None)])
def test_one_volume_shows_its_mean_and_names_its_curves(inlet, name) -> None:
    study = PoreSizeStudy((make_step("one", inlet=inlet, edge=None),), (0,), solid=True)
    axes = draw_pore_sizes(study).axes[0]
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["solid", *([name] if name else [])]
    assert axes.texts[0].get_text() == f"mean {study.steps[0].sizes.mean_radius:.3g} voxels"


def test_many_volumes_are_named_by_the_first_and_the_last(series: PoreSizeStudy) -> None:
    steps = tuple(replace(series.steps[0], name=f"s{n}", intrusions={}) for n in range(9))
    axes = draw_pore_sizes(PoreSizeStudy(steps, (0,), solid=False)).axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["s0", "s8"]


def test_radii_and_porosity_by_volume(series: PoreSizeStudy) -> None:
    radii, share = draw_pore_steps(series).axes
    table = series.table()
    lines = {line.get_label(): line.get_ydata() for line in radii.lines}
    np.testing.assert_allclose(lines["mean radius"], table["mean_radius"])
    np.testing.assert_allclose(lines["r50 of intrusion"], table["intrusion_r50"])
    np.testing.assert_allclose(share.lines[0].get_ydata(), 100 * table["porosity"])


def test_the_map_leaves_the_solid_out(series: PoreSizeStudy) -> None:
    step = series.steps[0]
    figure = draw_thickness(step)
    image = figure.axes[0].images[0].get_array()
    np.testing.assert_array_equal(np.ma.getmaskarray(image), step.thickness.data[0] == 0)
    assert figure.axes[1].get_ylabel() == "radius (µm)"
    empty = replace(step, thickness=replace(step.thickness, data=np.zeros_like(step.thickness.data)))
    assert "none in this slice" in [text.get_text() for text in draw_thickness(empty).axes[0].texts]


def test_all_figures_are_written(series: PoreSizeStudy, tmp_path: Path) -> None:
    files = draw_pore_figures(series, tmp_path)
    names = ["pore_sizes", "steps", *(f"step {n}_thickness" for n in range(3))]
    assert files == [tmp_path / f"{name}.png" for name in names]
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in files)


def test_bands_reach_half_a_voxel_to_either_side(series: PoreSizeStudy) -> None:
    sizes = series.steps[0].sizes
    cumulative, density = draw_pore_sizes(series).axes
    assert cumulative.lines[0].get_drawstyle() == "steps-pre"
    assert density.get_ylabel() == "density (1/µm)"
    x, y = cumulative.collections[0].get_paths()[0].vertices.T
    for place in np.unique(x)[50:400:50]:
        low, high = sizes.share_above(np.array([place + sizes.resolution, place - sizes.resolution]))
        assert (y[x == place].min(), y[x == place].max()) == pytest.approx((low, high))
    radii = draw_pore_steps(series).axes[0]
    x, y = radii.collections[0].get_paths()[0].vertices.T
    mean = series.table()["mean_radius"].iloc[0]
    assert (y[x == 0].min(), y[x == 0].max()) == pytest.approx((mean - sizes.resolution, mean + sizes.resolution))


def test_colours_of_a_thickness_begin_at_zero(series: PoreSizeStudy) -> None:
    assert draw_thickness(series.steps[0]).axes[0].images[0].get_clim()[0] == 0
