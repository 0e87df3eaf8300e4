"""A study on a pair whose texture, motion and noise are known."""

import json
import logging
import math
import re

import numpy as np
import pytest

import volcorr.correlation
from acquisition import BlobTexture, add_noise, compress, rotate, translate
from volcorr.correlation import correlate
from volcorr.rigid import remove_rigid_motion
from volcorr.strains import strain
from volcorr.subset_result import SubsetStudy, format_study
from volcorr.subset_study import study_subsets
from volio import InputError, Volume

SHAPE = (96, 96, 96)
CENTRE = (47.5, 47.5, 47.5)


@pytest.fixture(scope="module")
def scans() -> list[Volume]:
    """Reference, deformed (2 % compression) and a repeat that turned and moved, all with SNR 5."""
    texture = BlobTexture.random(SHAPE, rng=3)
    motions = [
        None,
        compress(0.02, centre=CENTRE, poisson=0.3).then(translate((0.3, -0.4, 0.2))),
        rotate(1.0, centre=CENTRE).then(translate((0.3, -0.4, 0.2))),
    ]
    names = ("reference", "deformed", "repeat")
    return [
        Volume(
            add_noise(texture.render(SHAPE, motion=motion), snr=5, signal_std=15.0, rng=seed),
            voxel_size=(0.25, 0.25, 0.25),
            name=name,
        )
        for seed, (motion, name) in enumerate(zip(motions, names, strict=True))
    ]


@pytest.fixture(scope="module")
def study(scans: list[Volume]) -> SubsetStudy:
    return study_subsets(scans[0], scans[1], repeat=scans[2], sizes=("8um", 21, "13"), points=216)


def test_sizes_are_resolved_and_sorted(study: SubsetStudy) -> None:
    assert [row.subset for row in study.sizes] == [(33, 33, 33), (21, 21, 21), (13, 13, 13)]
    assert [row.edge for row in study.sizes] == [8.25, 5.25, 3.25]
    assert [row.spacing for row in study.sizes] == [(16,) * 3, (10,) * 3, (6,) * 3]
    assert study.unit == "um"
    assert study.sizes[0].gauge == (33 + 2 * 16) * 0.25
    assert study.sizes[0].independent == 96**3 // 33**3


def test_noise_falls_and_resolution_coarsens_with_size(study: SubsetStudy) -> None:
    large, middle, small = study.sizes
    for name in ("sigma", "repeat_noise", "strain_noise"):
        assert getattr(large, name) < getattr(middle, name) < getattr(small, name)
    for name in ("resolution", "strain_resolution", "gauge"):
        assert getattr(large, name) > getattr(middle, name) > getattr(small, name)
    # noise goes with the root of the number of voxels
    assert small.repeat_noise / large.repeat_noise == pytest.approx((33 / 13) ** 1.5, rel=0.3)
    assert large.resolution == pytest.approx(4 * 33 * 0.25, rel=0.01)


def test_all_sizes_are_judged_at_the_same_points(study: SubsetStudy) -> None:
    assert {row.tried for row in study.sizes} == {study.sizes[0].tried}
    assert all(row.valid_share == 1.0 for row in study.sizes)
    assert 100 <= study.points <= 216


def test_stated_noise_is_that_of_the_repeat(study: SubsetStudy) -> None:
    for row in study.sizes:
        assert row.sigma == pytest.approx(row.repeat_noise, rel=0.25)
        assert row.noise == row.repeat_noise


def test_mean_strain_and_recommendation(study: SubsetStudy) -> None:
    assert study.strain == pytest.approx(0.02 - 0.5 * 0.02**2, rel=0.02)
    assert study.strain_noise_limit == pytest.approx(0.1 * study.strain)
    good = [r for r in study.sizes if r.valid_share >= 0.95 and r.strain_noise <= study.strain_noise_limit]
    assert study.recommended == min(good, key=lambda row: row.edge)
    assert study.reason.startswith(study.recommended.label)


def test_predicted_strain_noise_is_what_a_whole_run_shows(study: SubsetStudy, scans: list[Volume]) -> None:
    row = study.sizes[-1]
    whole = correlate(scans[0], scans[2], subset_size=13, spacing=row.spacing[0], progress=False)
    fields = strain(remove_rigid_motion(whole)[0], window=3)
    full = fields["strain_points"] == 27
    measured = [float(fields[name].where(full).std()) for name in ("e_zz", "e_yy", "e_xx")]
    assert row.strain_noise == pytest.approx(np.mean(measured), rel=0.12)


def test_nothing_depends_on_threads(study: SubsetStudy, scans: list[Volume]) -> None:
    again = study_subsets(scans[0], scans[1], sizes="33,21", points=216, threads=1, progress=False)
    for one, other in zip(again.sizes, study.sizes[:2], strict=True):
        assert (one.mean_cc, one.sigma, one.valid) == (other.mean_cc, other.sigma, other.valid)
        assert math.isnan(one.repeat_noise)
    assert again.strain == study.strain


def test_table_json_and_text(study: SubsetStudy) -> None:
    table = study.to_table()
    assert list(table["edge_um"]) == [row.edge for row in study.sizes]
    assert list(table["recommended"]) == [i == study.chosen for i in range(3)]
    assert table["resolution_um"].is_monotonic_decreasing
    content = json.loads(json.dumps(study.as_dict(), allow_nan=False))
    assert content["sizes"][0]["total_error"] is None
    assert content["sizes"][0]["subset"] == [33, 33, 33]
    text = format_study(study)
    assert max(map(len, text.splitlines())) <= 120
    assert "noise: repeat scan" in text
    marked = [line for line in text.splitlines() if line.endswith("<")]
    assert len(marked) == 1
    assert marked[0].startswith(study.recommended.label)


def test_a_detail_adds_its_loss_to_the_noise(scans: list[Volume]) -> None:
    options = {"sizes": "33,13", "points": 27, "strain_window": 3, "spacing": 8}
    coarse = study_subsets(scans[0], scans[1], detail="100um", **options)
    fine = study_subsets(scans[0], scans[1], detail="12um", **options)
    for row in (*coarse.sizes, *fine.sizes):
        assert row.total_error > row.strain_noise
        assert row.spacing == (8, 8, 8)
    assert fine.sizes[0].total_error > 1.5 * fine.sizes[1].total_error
    assert (coarse.recommended.subset[0], fine.recommended.subset[0]) == (33, 13)
    assert "total error" in format_study(fine)
    assert fine.detail == "12 um"


def test_sizes_that_are_not_given(scans: list[Volume], monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def stop(reference, deformed, *, subset_size, **options):
        if subset_size != 9 or reference.shape == SHAPE:
            tried.append(subset_size[0])
        return correlate(reference, deformed, subset_size=9, **options)

    monkeypatch.setattr(volcorr.correlation, "correlate", stop)
    for size, expected in ((0.25, [49, 41, 33, 25, 17]), (None, [37, 29, 21, 17, 13, 11, 9])):
        tried.clear()
        pair = [Volume(v.data, voxel_size=None if size is None else (size,) * 3) for v in scans[:2]]
        study_subsets(*pair, points=1, progress=False)
        assert tried[: len(expected)] == expected


def test_a_mask_bounds_points_and_subsets(scans: list[Volume]) -> None:
    mask = np.zeros(SHAPE, np.uint8)
    mask[20:76, 20:76, 20:76] = 1
    found = study_subsets(scans[0], scans[1], sizes=[21], mask=mask, points=100, roi=((0, 48), (0, 96), (0, 96)))
    row = found.sizes[0]
    assert 40 <= row.tried <= 100
    assert row.independent == 28 * 56 * 56 // 21**3


def test_a_size_that_fails_is_judged_on_its_own_points(scans: list[Volume]) -> None:
    other = np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)
    other[:, :, :34] = scans[1].data[:, :, :34]
    found = study_subsets(scans[0].data, other, sizes=[21], points=64)
    assert found.recommended.valid_share < 0.95
    assert "no size reaches 95 %" in found.reason
    assert found.unit == "voxel"
    nothing = study_subsets(scans[0].data, np.random.default_rng(1).random(SHAPE), sizes=[13, 9], points=8, min_cc=0.8)
    assert math.isnan(nothing.recommended.noise)
    assert nothing.points == 0
    assert "-" in format_study(nothing)
    assert nothing.as_dict()["sizes"][0]["mean_cc"] is None


def test_stages_of_single_runs_are_not_logged(scans: list[Volume], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        study_subsets(scans[0], scans[1], sizes="21,13", points=8)
    assert [r.getMessage()[:9] for r in caplog.records if r.name.startswith("volcorr")] == ["subset 21", "subset 13"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sizes": "7"}, ">= 9 voxels"),
        ({"sizes": [99]}, "use a smaller subset"),
        ({"sizes": []}, "sizes names no size"),
        ({"sizes": "21,big"}, "big"),
        ({"points": 0}, "points must be at least 1"),
        ({"strain_window": 4}, "strain_window must be an odd number"),
        ({"min_valid": 0}, "min_valid must be above 0"),
        ({"max_strain_noise": -1}, "max_strain_noise must be above zero"),
        ({"mask": np.ones((9, 9, 9))}, "the mask has the shape"),
        ({"repeat": np.ones((9, 9, 9))}, "the repeat scan has the shape"),
        ({"spacing": "0"}, "spacing must be at least one voxel"),
        ({"detail": "3parsec"}, "parsec"),
        ({"detail": "20um"}, "voxel size is not known"),
    ],
)
def test_bad_options_are_refused_in_one_line(scans: list[Volume], options: dict, words: str) -> None:
    with pytest.raises(InputError, match=re.escape(words)) as caught:
        study_subsets(scans[0].data, scans[1].data, **({"sizes": "21", "points": 8} | options))
    assert "\n" not in str(caught.value)


def test_other_options_reach_the_correlation(scans: list[Volume]) -> None:
    with pytest.raises(TypeError, match="colour"):
        study_subsets(scans[0], scans[1], sizes="21", points=8, colour="red")


def test_a_mask_that_holds_no_half_of_a_subset_is_refused(scans: list[Volume]) -> None:
    data = scans[0].data
    with pytest.raises(InputError, match="no subset of"):
        study_subsets(data, data, sizes="21", points=8, mask=_speck())


def _speck() -> np.ndarray:
    mask = np.zeros(SHAPE, np.uint8)
    mask[48, 48, 48] = 1
    return mask
