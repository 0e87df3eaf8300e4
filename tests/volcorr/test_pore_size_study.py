import numpy as np
import pytest

from porosity import mip_from_each_face, pore_size_distribution
from volcorr.pore_size_study import PoreSizeStudy, PoreStep, format_pore_sizes


@pytest.fixture(scope="module")
def study() -> PoreSizeStudy:
    """Random pores, and the same at half the voxel size, as two steps."""
    from scipy import ndimage

    noise = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(40, 40, 40)), 2)
    pores = noise > 0
    steps = []
    for name, edge in (("first", 2.0), ("second", 1.0)):
        sizes = pore_size_distribution(pores, voxel_size=edge)
        steps.append(PoreStep(name, sizes, dict(mip_from_each_face(pores, voxel_size=edge).faces), None))
    return PoreSizeStudy(tuple(steps), (0,), solid=False)


def test_lengths_scale_and_shares_do_not(study: PoreSizeStudy) -> None:
    table = study.table()
    for name in ("mean_radius", "r50", "intrusion_r50", "intrusion_r50_spread", "breakthrough_y"):
        assert table.loc["first", name] == pytest.approx(2 * table.loc["second", name])
    for name in ("porosity", "constrictivity", "intrusion_intruded"):
        assert table.loc["first", name] == pytest.approx(table.loc["second", name])
    assert 0 < table.loc["first", "constrictivity"] < 1


def test_curves_hold_the_whole_volume_once(study: PoreSizeStudy) -> None:
    cumulative, density = study.cumulative(), study.density()
    assert len(cumulative["curve"].unique()) == 7
    for _, part in cumulative.groupby(["volume", "curve"]):
        assert part["share"].is_monotonic_decreasing
        assert (part["share_low"] <= part["share"] + 1e-12).all()
        assert (part["share"] <= part["share_high"] + 1e-12).all()
    pores = density[(density["volume"] == "first") & (density["curve"] == "pores")]
    assert pores["density"].sum() * 2.0 == pytest.approx(1.0)


def test_text_has_a_line_a_volume_and_the_notes(study: PoreSizeStudy) -> None:
    lines = format_pore_sizes(study).splitlines()
    assert lines[0].split()[:3] == ["volume", "porosity", "mean"]
    assert [line.split()[0] for line in lines[1:3]] == ["first", "second"]
    assert all(len(line) == len(lines[0]) for line in lines[1:3])
    assert "radii in um, each within 1 (half a voxel)" in lines[4]


def test_a_volume_without_interior_has_none(study: PoreSizeStudy) -> None:
    sizes = pore_size_distribution(np.indices((8, 8, 8))[0] > 2)
    step = PoreStep("small", sizes, {}, None)
    assert step.as_dict()["interior"] is None
    table = PoreSizeStudy((step,), (0,), solid=True).table()
    assert np.isnan(table.loc["small", "interior_mean_radius"])
    assert format_pore_sizes(PoreSizeStudy((step,), (0,), solid=True)).splitlines()[1].endswith(" -")
