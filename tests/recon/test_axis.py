"""The rotation axis by all methods together."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acquisition.projections import EllipsePhantom
from recon.axis import find_axis, fit_axis_tilt
from recon.axis_estimate import AxisCandidate, combine_candidates, find_minimum, summarize_rows
from recon.axis_moments import find_axis_by_moments
from recon.axis_pairs import find_axis_by_pairs
from recon.axis_sharpness import find_axis_by_sharpness, reconstruct_candidates
from recon.axis_wedge import find_axis_by_wedge
from recon.corrections import correct
from volio.errors import InputError

COLUMNS, ANGLES = 160, 201
CENTER = 83.4


def make_scan(
    span: float, *, truncated: bool = False, rows: int = 4, tilt: float = 0.0, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return noisy line integrals (10 000 photons a pixel), another specimen in every row, and the angles."""
    angles = np.radians(np.linspace(-span / 2, span / 2, ANGLES))
    rng = np.random.default_rng(seed)
    lines = []
    for row in range(rows):
        size, particles = (260, 120) if truncated else (140, 60)
        phantom = EllipsePhantom.electrode(size, seed=100 * seed + row, particles=particles)
        line = phantom.project(angles, columns=COLUMNS, center=CENTER + tilt * (row - 0.5 * (rows - 1)))
        line *= 1.5 / line.max()
        lines.append(-np.log(np.maximum(rng.poisson(1e4 * np.exp(-line)), 1) / 1e4))
    return np.stack(lines, axis=1).astype(np.float32), angles


@pytest.fixture(scope="module")
def half_turn() -> tuple[np.ndarray, np.ndarray]:
    return make_scan(180)


def test_all_methods_agree_over_half_a_turn(half_turn) -> None:
    found = find_axis(*half_turn)
    assert abs(found.center - CENTER) < 0.05
    assert set(found.agreeing) == {"moments", "pairs", "wedge", "sharpness"}
    assert found.confidence > 0.9
    assert 0 < found.sigma < 0.1
    for candidate in found.candidates:
        assert abs(candidate.center - CENTER) < 0.15, candidate.method


def test_the_axis_of_140_degrees_is_found_though_the_specimen_is_not_seen_whole() -> None:
    projections, angles = make_scan(140, truncated=True, rows=6)
    found = find_axis(projections, angles)
    assert abs(found.center - CENTER) < 0.2
    assert found.agreeing == ("sharpness",)
    assert found.confidence == 0.5
    reasons = {c.method: c.reason for c in found.candidates if c.center is None}
    assert "not seen whole" in reasons["moments"]
    assert "no two projections are 180 degrees apart" in reasons["pairs"]
    assert "span 140.0 degrees" in reasons["wedge"]


def test_moments_find_the_axis_of_140_degrees_of_a_whole_specimen() -> None:
    found = find_axis(*make_scan(140))
    assert abs(found.center - CENTER) < 0.1
    assert found.agreeing == ("moments", "sharpness")


def test_a_full_turn_of_a_specimen_beyond_the_detector() -> None:
    found = find_axis(*make_scan(360, truncated=True))
    assert abs(found.center - CENTER) < 0.1
    assert found.agreeing == ("pairs", "wedge", "sharpness")


def test_threads_rows_and_order_of_angles(half_turn) -> None:
    projections, angles = half_turn
    one = find_axis(projections, angles, rows=3, threads=1)
    assert find_axis(projections, angles, rows=3, threads=3).center == one.center
    order = np.random.default_rng(0).permutation(ANGLES)
    assert find_axis(projections[order], angles[order], rows=3).center == pytest.approx(one.center, abs=1e-3)
    turned = find_axis(projections, angles + 1.0, rows=3)
    assert turned.center == pytest.approx(one.center, abs=0.05)


@settings(max_examples=5, deadline=None)
@given(st.floats(0.3, 5), st.integers(0, 20))
def test_units_and_a_wider_detector_change_nothing(scale: float, more: int) -> None:
    projections, angles = make_scan(140)
    methods = ("moments",)
    one = find_axis(projections, angles, methods=methods)
    wider = np.pad(scale * projections, ((0, 0), (0, 0), (more, more)))
    other = find_axis(wider, angles, methods=methods)
    assert other.center == pytest.approx(one.center + more, abs=0.02)


def test_mirroring_mirrors_the_axis(half_turn) -> None:
    projections, angles = half_turn
    # seen from behind, the specimen turns the other way
    mirrored = find_axis(projections[:, :, ::-1], -angles, rows=3)
    assert mirrored.center == pytest.approx(COLUMNS - 1 - find_axis(projections, angles, rows=3).center, abs=0.05)


def test_tilt_is_fitted_over_the_rows() -> None:
    projections, angles = make_scan(180, rows=9, tilt=0.4)
    for method in ("moments", "pairs"):
        found = fit_axis_tilt(projections, angles, method=method)
        assert found.angle == pytest.approx(np.arctan(0.4), abs=0.02)
        assert found.center == pytest.approx(CENTER, abs=0.1)
        assert found.rows.tolist() == list(range(9))
        assert found.angle_sigma < 0.02
    straight = fit_axis_tilt(projections[:, 4:5].repeat(5, axis=1), angles, rows=5, method=None)
    assert straight.angle == 0
    with pytest.raises(InputError, match="a tilt needs the axis in 3 rows or more"):
        fit_axis_tilt(projections, angles, rows=[0, 5], method="moments")


def test_candidate_slices_are_in_attenuation_and_sharpest_at_the_axis() -> None:
    angles = np.linspace(0, np.pi, 181, endpoint=False)
    line = EllipsePhantom(np.array([[0, 0, 50, 50, 0, 0.01], [8, -9, 6, 9, 0.3, 0.02]])).project(
        angles, columns=160, center=80.0
    )
    centers = np.arange(77.0, 83.5, 1.0)
    found = reconstruct_candidates(line, angles, centers, size=101)
    assert found.slices.shape == (7, 101, 101)
    assert centers[np.argmin(found.roughness)] == 80
    true = found.slices[3]
    assert true[50 + 8, 50 - 9] == pytest.approx(0.03, rel=0.05)
    assert true[30:45, 60:75].mean() == pytest.approx(0.01, rel=0.05)
    assert reconstruct_candidates(line, angles, centers).slices.shape[1] == 152


def test_a_specimen_without_anything_has_no_axis() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match=r"no method finds the rotation axis .*wedge: .* give its column") as caught:
        find_axis(rng.normal(0, 0.01, (30, 2, 50)), np.linspace(0, 0.3, 30))
    assert "\n" not in str(caught.value)


def test_methods_say_why_they_do_not_apply() -> None:
    lines = np.ones((1, 40, 50), np.float32)
    search = (20.0, 30.0)
    few = np.linspace(0, np.pi, 6)
    assert "8 or more angles" in find_axis_by_moments(lines[:, :6], few).reason
    assert "span 29 degrees" in find_axis_by_moments(lines, np.linspace(0, 0.5, 40)).reason
    assert "16 projections or more" in find_axis_by_wedge(lines[:, :6], few, search=search).reason
    uneven = np.sort(np.random.default_rng(0).uniform(0, np.pi, 40))
    uneven[[0, -1]] = 0, np.pi
    assert "evenly spaced" in find_axis_by_wedge(lines, uneven, search=search).reason
    assert "rows gave an answer" in find_axis_by_wedge(lines, np.linspace(0, np.pi, 40), search=(0.0, 3.0)).reason
    assert "16 angles or more" in find_axis_by_sharpness(lines[:, :6], few, search=search).reason
    assert "no two" in find_axis_by_pairs(lines[:, :1], few[:1], search=search).reason


def test_a_wide_gap_of_angles_holds_no_partner(half_turn) -> None:
    """Between 40 and 200 degrees nothing was measured: projections there are not made of those at its ends."""
    lines = half_turn[0][:80]
    angles = np.radians(np.concatenate([np.linspace(0, 40, 41), np.linspace(230, 268, 39)]))
    found = find_axis_by_pairs(lines, angles, search=(70.0, 95.0))
    assert found.center is None
    assert "no two projections are 180 degrees apart" in found.reason


@pytest.mark.parametrize("fault", ["edge", "mass"])
def test_moments_need_the_whole_specimen_at_all_angles(fault: str) -> None:
    """Either is enough: a specimen that reaches the edge at all angles alike, and one whose mass changes."""
    angles = np.radians(np.linspace(-70, 70, 60))
    radius = 130 if fault == "edge" else 50
    line = EllipsePhantom.disc(radius, 0.01).project(angles, columns=COLUMNS, center=CENTER)[None]
    assert find_axis_by_moments(line, angles).center == (None if fault == "edge" else pytest.approx(CENTER, abs=0.01))
    found = find_axis_by_moments(line * (np.linspace(0.7, 1.3, 60)[:, None] if fault == "mass" else 1), angles)
    assert found.center is None
    assert "not seen whole" in found.reason


def candidate(method: str, center: float | None, sigma: float = 0.1) -> AxisCandidate:
    return AxisCandidate(method, center, sigma, "")


def test_the_largest_group_that_agrees_counts() -> None:
    found = combine_candidates([candidate("a", 50.0), candidate("b", 50.2), candidate("c", 60.0, 0.01)])
    assert found.agreeing == ("a", "b")
    assert found.center == pytest.approx(50.1)
    assert found.confidence == pytest.approx(2 / 3 * 0.75)
    assert found.sigma == pytest.approx(0.1)
    alone = combine_candidates([candidate("a", 50.0, 0.3), candidate("c", 60.0, 0.1), candidate("d", None)])
    assert alone.agreeing == ("c",)
    assert alone.confidence == 0.25
    assert combine_candidates([candidate("d", None)]) is None


def test_rows_are_summarised_by_their_median() -> None:
    rows = np.array([50.0, 50.2, 49.8, 90.0, np.nan])
    assert summarize_rows("a", rows, "").center == pytest.approx(50.1)
    assert summarize_rows("a", rows, "").sigma == pytest.approx(1.25 * 1.4826 * 0.2 / 2)
    assert summarize_rows("a", np.array([np.nan, 3.0]), "").center is None
    assert summarize_rows("a", np.array([3.0]), "").sigma == 0.5


def test_minimum_of_a_parabola() -> None:
    x = np.arange(-3, 4.0)
    assert find_minimum(x, (x - 0.3) ** 2) == pytest.approx(0.3)
    assert np.isnan(find_minimum(x, x))
    assert np.isnan(find_minimum(x, np.full(7, np.nan)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rows": 0}, "rows must be at least 1"),
        ({"rows": [7]}, r"rows must be some of 0 to 3, got \[7\]"),
        ({"search": (90, 80)}, "search 90 to 80 is not a range of the columns 0 to 159"),
        ({"methods": ["magic"]}, "methods must be some of moments, pairs, wedge, sharpness"),
        ({"methods": []}, "methods must be some of"),
    ],
)  # fmt: skip
def test_faults_are_one_line(half_turn, options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_axis(*half_turn, **options)


def test_arrays_are_checked(half_turn) -> None:
    projections, angles = half_turn
    with pytest.raises(InputError, match="an angle each"):
        find_axis(projections, angles[:-1])
    with pytest.raises(InputError, match="angles hold NaN"):
        find_axis(projections, np.full(ANGLES, np.nan))
    with pytest.raises(InputError, match="test rows hold NaN"):
        find_axis(np.full((9, 2, 30), np.nan), np.arange(9))
    with pytest.raises(InputError, match="a sinogram needs axes"):
        reconstruct_candidates(projections, angles, np.array([80.0]))
    with pytest.raises(InputError, match="candidate axes must be inside"):
        reconstruct_candidates(projections[:, 0], angles, np.array([0.0, 80.0]))


@pytest.mark.realdata
def test_the_axis_of_the_tooth_is_found(data_dir) -> None:
    import h5py

    with h5py.File(data_dir / "projections/tooth.h5") as file:
        scan = file["exchange"]
        flats, darks = scan["data_white"][:], scan["data_dark"][:]
        lines = correct(scan["data"][:], flats=flats, darks=darks).projections
        angles = np.radians(scan["theta"][:])
    found = find_axis(lines, angles)
    assert abs(found.center - 296) < 0.5
    assert len(found.agreeing) == 4
    for one in found.candidates:
        assert abs(one.center - 296) < 0.5, one.method
    # two thirds of the turn, where there are no pairs
    part = find_axis(lines[:141], angles[:141])
    assert abs(part.center - 296) < 0.5
