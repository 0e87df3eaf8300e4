"""Compression series: total, composed and automatic references against known motions."""

import numpy as np
import pytest
import xarray as xr

import volcorr.series
from acquisition import BlobTexture, StarField, add_noise, compress, rotate, translate
from volcorr.fields import DISPLACEMENT, SIGMA, Status, build_fields, displacement_array, valid_points
from volcorr.series import SeriesStopped, correlate_series, incremental
from volcorr.steps import each_step, map_steps, open_steps, save_step, select_step
from volcorr.strains import strain
from volio import InputError, Volume

SHAPE = (88, 80, 80)
CENTRE = (43.5, 39.5, 39.5)
OPTIONS = {"subset_size": 21, "spacing": 8, "progress": False}


def errors(field, motion):
    """Measured minus true displacement of the valid points, and their stated uncertainty, both (3, n) voxels."""
    places = np.stack(np.meshgrid(field.z, field.y, field.x, indexing="ij"), -1)
    valid = valid_points(field)
    error = (displacement_array(field) - np.moveaxis(motion.displacement(places), -1, 0))[:, valid]
    return error, np.stack([field[name].to_numpy()[valid] for name in SIGMA])


@pytest.fixture(scope="module")
def texture():
    return BlobTexture.random(SHAPE, rng=3)


@pytest.fixture(scope="module")
def motions():
    """Up to 4.5 % compression, 1.8 degrees of rotation and some voxels."""
    return [
        compress(0.015 * k, centre=CENTRE, poisson=0.3)
        .then(rotate(0.6 * k, centre=CENTRE))
        .then(translate((0.4 * k, -0.3 * k, 0.7 * k)))
        for k in (1, 2, 3)
    ]


@pytest.fixture(scope="module")
def volumes(texture, motions):
    perfect = [texture.render(SHAPE), *(texture.render(SHAPE, motion=motion) for motion in motions)]
    return [add_noise(grey, snr=20, rng=100 + number) for number, grey in enumerate(perfect)]


@pytest.fixture(scope="module", params=["first", "previous", "auto"])
def measured(request, volumes):
    return correlate_series(volumes, reference=request.param, steps={"force": ([1.0, 2.0, 4.0], "mN")}, **OPTIONS)


def test_every_way_finds_the_total_displacement(measured, motions):
    assert dict(measured.sizes) == {"step": 3, "z": 8, "y": 7, "x": 7}
    for field, motion in zip(each_step(measured), motions, strict=True):
        error, sigma = errors(field, motion)
        assert error.shape[1] > 0.98 * field["u_z"].size
        assert np.sqrt((error**2).mean()) < 0.004
        assert 0.4 < np.sqrt(((error / sigma) ** 2).mean()) < 1.3
        assert (np.abs(error) < 6 * sigma).all()


def test_each_step_says_what_it_is(measured):
    chains = {"first": [0, 0, 0], "previous": [0, 1, 2], "auto": [0, 0, 0]}
    assert measured["reference_step"].to_numpy().tolist() == chains[measured.attrs["series_reference"]]
    assert list(measured["step"]) == [1, 2, 3]
    assert list(measured["step_name"].to_numpy()) == ["volume 1", "volume 2", "volume 3"]
    assert measured["force"].attrs["units"] == "mN"
    assert measured.attrs["reference"] == "volume 0"
    assert select_step(measured, 3).attrs["deformed"] == "volume 3"


def test_strain_of_each_step(measured, motions):
    series = map_steps(strain, measured, window=3)
    for field, motion in zip(each_step(series), motions, strict=True):
        F = np.eye(3) + motion.gradient(np.zeros(3))
        green = 0.5 * (F.T @ F - np.eye(3))
        assert float(field["e_zz"].median()) == pytest.approx(green[0, 0], abs=2e-4)
        assert float(field["e_yx"].median()) == pytest.approx(green[1, 2], abs=2e-4)


def test_increments_are_the_differences(measured):
    increments = incremental(measured)
    assert dict(increments.sizes) == dict(measured.sizes)
    np.testing.assert_allclose(
        increments["u_z"].cumsum("step", skipna=False), measured["u_z"], atol=1e-12, equal_nan=True
    )
    assert increments.attrs["displacement"] == "incremental"
    sigma = np.hypot(measured["sigma_z"][1], measured["sigma_z"][2])
    np.testing.assert_allclose(increments["sigma_z"][2], sigma, equal_nan=True)


def test_a_fine_field_is_composed_as_well_as_it_is_measured(texture):
    """A wave of seven subsets and less across the load, growing from step to step."""
    waves = [StarField(width=80, middle=39.5, amplitude=0.4 * k, periods=(60, 150)) for k in (1, 2, 3)]
    volumes = [texture.render(SHAPE), *(texture.render(SHAPE, motion=wave) for wave in waves)]
    rms = {}
    for reference in ("first", "previous"):
        series = correlate_series(volumes, reference=reference, **OPTIONS)
        rms[reference] = np.sqrt((errors(select_step(series, 3), waves[2])[0] ** 2).mean())
    assert rms["previous"] < 1.3 * rms["first"] + 0.002
    assert rms["previous"] < 0.05  # 4 % of the wave, that the subset smooths


@pytest.fixture(scope="module")
def changing(texture, motions):
    """A texture that turns into another one: neighbours correlate by 0.9, the last and the first by 0.26."""
    other = BlobTexture.random(SHAPE, rng=4)
    angles = np.deg2rad([0, 25, 50, 75])
    noisy = []
    for number, (angle, motion) in enumerate(zip(angles, [None, *motions], strict=True)):
        one, two = (t.render(SHAPE, motion=motion, mean=0.0) for t in (texture, other))
        noisy.append(add_noise(np.cos(angle) * one + np.sin(angle) * two, snr=40, rng=number))
    return noisy


def test_auto_changes_the_reference_where_first_loses_the_points(changing, motions):
    first = correlate_series(changing, reference="first", **OPTIONS)
    auto = correlate_series(changing, reference="auto", **OPTIONS)
    assert valid_points(select_step(first, 3)).mean() < 0.3
    assert valid_points(select_step(auto, 3)).mean() > 0.9
    assert auto["reference_step"].to_numpy().tolist() == [0, 1, 2]
    # the other texture is no noise of single voxels, so the error of any step is larger than its sigma
    size = [(error**2).mean() ** 0.5 for error, _ in map(errors, each_step(auto), motions)]
    ratio = [((error / sigma) ** 2).mean() ** 0.5 for error, sigma in map(errors, each_step(auto), motions)]
    # of the points that "first" still finds: the worst of them are lost already
    assert size[1] < 0.85 * (errors(select_step(first, 2), motions[1])[0] ** 2).mean() ** 0.5
    assert size[2] < 3 * size[0]
    assert ratio[2] < 1.4 * ratio[0]


def test_the_mask_is_carried_along(volumes, motions):
    y, x = np.mgrid[:80, :80]
    mask = np.broadcast_to(np.hypot(y - 39.5, x - 39.5) < 28, SHAPE)
    series = correlate_series(volumes, reference="previous", mask=mask, **OPTIONS)
    status = series["status"].to_numpy()
    outside = status[0] == Status.OUTSIDE_MASK
    assert 0.1 < outside.mean() < 0.9
    np.testing.assert_array_equal(status[2] == Status.OUTSIDE_MASK, outside)
    assert (status[2][~outside] == Status.VALID).mean() > 0.97
    assert np.sqrt((errors(select_step(series, 3), motions[2])[0] ** 2).mean()) < 0.005


# from here on without correlation: fields are made from motions


def fake(series_of_motions, *, quality, calls=None, fail=()):
    """Stand in for `correlate`: exact fields on a grid of 8 voxels; volumes are known by their one grey value.

    ``quality(reference, deformed)`` is the ZNCC; below 0.5 all points are lost.
    """

    def correlate(reference, deformed, *, roi, mask, timings, **options):
        a, b = (int(v.data[0, 0, 0]) for v in (reference, deformed))
        if calls is not None:
            calls.append((a, b, roi, mask, options))
        if (a, b) in fail:
            raise InputError("no contrast")
        timings["refinement"] = 1.0
        axes = [np.arange(low + 4.0, high - 4, 8) for low, high in roi or [(0, n) for n in reference.shape]]
        places = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
        move = lambda n, p: p if n == 0 else p + series_of_motions[n - 1].displacement(p)  # noqa: E731
        origin = places if a == 0 else series_of_motions[a - 1].inverse(places)
        cc = np.full(places.shape[:3], quality(a, b))
        return build_fields(
            tuple(axes),
            displacement=np.moveaxis(move(b, origin) - places, -1, 0),
            sigma=np.full((3, *cc.shape), 0.01),
            cc=cc,
            iterations=np.ones(cc.shape),
            status=np.where(cc < 0.5, Status.LOW_CORRELATION, Status.VALID).astype(np.uint8),
            attrs={
                "unit": "voxel",
                "voxel_size": [1.0] * 3,
                "spacing": [8] * 3,
                "subset_size": [15] * 3,
                "volume_shape": list(reference.shape),
                "volume_origin": [0.0] * 3,
                "reference": reference.name,
                "deformed": deformed.name,
            },
        )

    return correlate


def numbered(count, shape=(60, 50, 50)):
    return [Volume(np.full(shape, number, np.uint8), name=f"scan {number}") for number in range(count)]


def shrinking(count):
    return [compress(0.01 * k, centre=(30, 25, 25), poisson=0.2) for k in range(1, count + 1)]


def test_a_chain_of_many_steps_is_exact(monkeypatch):
    motions = shrinking(9)
    monkeypatch.setattr(volcorr.series, "correlate", fake(motions, quality=lambda a, b: 0.9))
    series = correlate_series(numbered(10), reference="previous")
    for number, field in enumerate(each_step(series), start=1):
        error, sigma = errors(field, motions[number - 1])
        np.testing.assert_allclose(error, 0, atol=1e-11)
        assert sigma.mean() == pytest.approx(0.01 * np.sqrt(number), rel=0.05)
        assert valid_points(field).all()


@pytest.mark.parametrize(
    ("quality", "references"),
    [
        (lambda a, b: 1 - 0.01 * (b - a), [0, 0, 0, 0, 0, 0]),
        (lambda a, b: 0.95 ** (b - a) - 0.01, [0, 0, 0, 0, 4, 4]),
        (lambda a, b: 0.8 ** (b - a), [0, 1, 2, 3, 4, 5]),
        (lambda a, b: 0.4 if b == 3 else 0.99, [0] * 6),  # a bad scan is no reason for a new reference
    ],
    ids=["lasting", "slow", "fast", "one bad scan"],
)
def test_the_reference_changes_when_the_correlation_no_longer_holds(monkeypatch, quality, references):
    motions = shrinking(6)
    monkeypatch.setattr(volcorr.series, "correlate", fake(motions, quality=quality))
    series = correlate_series(numbered(7), reference="auto")
    assert series["reference_step"].to_numpy().tolist() == references
    last = select_step(series, 6)
    np.testing.assert_allclose(errors(last, motions[5])[0], 0, atol=1e-11)
    assert valid_points(last).all()


def test_the_threshold_can_be_set(monkeypatch):
    monkeypatch.setattr(volcorr.series, "correlate", fake(shrinking(4), quality=lambda a, b: 0.9 ** (b - a)))
    series = correlate_series(numbered(5), reference="auto", min_series_cc=0.6)
    assert series["reference_step"].to_numpy().tolist() == [0, 0, 0, 0]


def test_a_reference_that_fails_is_not_taken(monkeypatch, caplog):
    monkeypatch.setattr(
        volcorr.series, "correlate", fake(shrinking(2), quality=lambda a, b: 0.8 ** (b - a), fail={(1, 2)})
    )
    series = correlate_series(numbered(3), reference="auto")
    assert series["reference_step"].to_numpy().tolist() == [0, 0]
    assert "volume 1 cannot be the reference: no contrast" in caplog.text


def test_a_step_that_fails_ends_the_series_and_loses_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(volcorr.series, "correlate", fake(shrinking(4), quality=lambda a, b: 0.9, fail={(0, 3)}))
    text = r"^step 3 \(scan 3\) cannot be measured, the 2 before it are finished: no contrast$"
    with pytest.raises(SeriesStopped, match=text) as stopped:
        correlate_series(numbered(5), on_step=lambda field: save_step(field, tmp_path))
    assert list(stopped.value.finished["step"]) == [1, 2]
    xr.testing.assert_identical(open_steps(tmp_path), stopped.value.finished)
    monkeypatch.setattr(volcorr.series, "correlate", fake([], quality=None, fail={(0, 1)}))
    with pytest.raises(SeriesStopped, match="no step is finished") as stopped:
        correlate_series(numbered(2))
    assert stopped.value.finished is None


def test_a_chain_without_points_ends(monkeypatch):
    monkeypatch.setattr(volcorr.series, "correlate", fake(shrinking(3), quality=lambda a, b: 0.9 if b < 2 else 0.1))
    with pytest.raises(SeriesStopped, match=r"step 3 .* no point is left to follow"):
        correlate_series(numbered(4), reference="previous")


def test_a_point_lost_once_comes_back_with_the_first_as_reference(monkeypatch):
    monkeypatch.setattr(volcorr.series, "correlate", fake(shrinking(3), quality=lambda a, b: 0.1 if b == 2 else 0.9))
    series = correlate_series(numbered(4))
    assert valid_points(series).any(axis=(1, 2, 3)).tolist() == [True, False, True]
    increments = incremental(series)
    assert valid_points(increments).any(axis=(1, 2, 3)).tolist() == [True, False, False]
    assert (increments["status"] == series["status"].where(series.step != 3, Status.LOW_CORRELATION)).all()
    assert np.isnan(increments["u_z"][2]).all()


def test_what_is_handed_on(monkeypatch):
    calls, seconds = [], {}
    monkeypatch.setattr(volcorr.series, "correlate", fake(shrinking(3), quality=lambda a, b: 0.9, calls=calls))
    mask, roi = np.ones((60, 50, 50), bool), ((4, 44), (4, 44), (4, 44))
    correlate_series(numbered(4), reference="previous", mask=mask, roi=roi, timings=seconds, min_cc=0.3)
    assert [call[:2] for call in calls] == [(0, 1), (1, 2), (2, 3)]
    assert calls[0][2:4] == (roi, mask)
    for _, _, later, carried, options in calls[1:]:
        assert all(0 <= low < high <= n for (low, high), n in zip(later, (60, 50, 50), strict=True))
        assert later != roi
        assert carried.shape == (60, 50, 50)
        assert options == {"min_cc": 0.3}
    assert seconds == {"refinement": 3.0}


def test_each_pair_keeps_its_blocks(monkeypatch):
    plain, kept = fake(shrinking(3), quality=lambda a, b: 0.9), []

    def correlate(reference, deformed, *, checkpoint, **options):
        kept.append(checkpoint)
        return plain(reference, deformed, **options)

    monkeypatch.setattr(volcorr.series, "correlate", correlate)
    correlate_series(numbered(4), reference="previous", checkpoints=lambda first, second: (first, second))
    assert kept == [(0, 1), (1, 2), (2, 3)]


def test_no_more_than_two_volumes_are_loaded_at_once(monkeypatch):
    from volio.lazy import LazyArray

    reads = []

    def on_disk(number):
        def read(box):
            reads.append(number)
            return np.full([s.stop - s.start for s in box], number, np.uint8)

        return Volume(LazyArray(read, (60, 50, 50), np.uint8), name=f"scan {number}")

    monkeypatch.setattr(volcorr.series, "correlate", fake(shrinking(3), quality=lambda a, b: 0.9))
    correlate_series([on_disk(number) for number in range(4)], reference="previous")
    assert reads == [0, 1, 1, 2, 2, 3]


def test_a_voxel_size_that_one_volume_states_holds_for_all(monkeypatch):
    seen = []

    def correlate(reference, deformed, **options):
        seen.append((reference.voxel_size, deformed.voxel_size))
        raise InputError("enough")

    monkeypatch.setattr(volcorr.series, "correlate", correlate)
    one, two = numbered(2)
    with pytest.raises(SeriesStopped, match="enough"):
        correlate_series([one, Volume(two.data, voxel_size=(0.5, 0.5, 0.5))])
    assert seen == [((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"volumes": numbered(1)}, "at least two volumes"),
        ({"volumes": numbered(1)[0]}, "at least two volumes"),
        ({"volumes": [*numbered(2), Volume(np.zeros((5, 5, 5)), name="cut")]}, r"volume 2 \(cut\) has the shape"),
        (
            {"volumes": [Volume(np.zeros((5, 5, 5)), voxel_size=(s, s, s), name="a") for s in (0.5, 0.6)]},
            r"volume 1 \(a\) has the voxel size",
        ),
        ({"reference": "last"}, "reference must be one of first, previous, auto, got 'last'"),
        ({"deformed_mask": None}, "deformed_mask belongs to one pair"),
        ({"min_series_cc": 1.5}, "min_series_cc must be between 0 and 1, got 1.5"),
        ({"steps": {"force": [1.0]}}, "'force' needs 2 values, one for each volume after the first, got 1"),
        ({"steps": {"cc": [1.0, 2.0]}}, "'cc' cannot be a name in a series"),
        ({"steps": {"the force": [1.0, 2.0]}}, "'the force' cannot be a name"),
    ],
)
def test_what_is_not_allowed_is_said_before_any_work(change, message):
    arguments = {"volumes": numbered(3)} | change
    with pytest.raises(InputError, match=message):
        correlate_series(arguments.pop("volumes"), **arguments)


def test_a_single_field_has_no_increments(measured):
    with pytest.raises(InputError, match="has no steps"):
        incremental(select_step(measured, 1))


def test_variables_of_a_series_are_those_of_a_field(measured):
    assert set(measured.data_vars) == {*DISPLACEMENT, *SIGMA, "cc", "iterations", "status"}
