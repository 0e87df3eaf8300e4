"""Scans that are not as they should be: each ends in a status a point, or a clear error, not in a wrong number.

A valid point is right when it is within 0.3 voxels of the truth. Where more cannot be promised the test says what is.
"""

import logging

import numpy as np
import pytest

from acquisition import BlobTexture, Motion, compress, translate
from volcorr import Status, correlate
from volio import InputError

EDGE = 64
SHAPE = (EDGE,) * 3
QUICK = {"subset_size": 17, "spacing": 10, "progress": False}
MOTION = compress(0.02, centre=(32, 32, 32)).then(translate((1.3, -2.4, 0.7)))
MEAN, STD = 128.0, 15.0


@pytest.fixture(scope="module")
def texture():
    return BlobTexture.random(SHAPE, rng=7, margin=30)


@pytest.fixture(scope="module")
def reference(texture):
    return texture.render(SHAPE)


@pytest.fixture(scope="module")
def deformed(texture):
    return texture.render(SHAPE, motion=MOTION)


def places():
    return np.mgrid[:EDGE, :EDGE, :EDGE].transpose(1, 2, 3, 0).astype(float)


def judge(fields, truth=MOTION.displacement):
    """Return status, and the largest error of a component (NaN where invalid), of each point."""
    points = np.stack(np.meshgrid(fields.z, fields.y, fields.x, indexing="ij"), -1)
    found = np.stack([fields[name].values for name in ("u_z", "u_y", "u_x")], -1)
    status = fields["status"].values
    assert np.isfinite(found[status == Status.VALID]).all()
    assert np.isnan(found[status != Status.VALID]).all()
    return status, np.abs(found - truth(points)).max(axis=-1)


def share_valid(fields, truth=MOTION.displacement, limit=0.3):
    """Return the share of valid points; none of them may be wrong."""
    status, error = judge(fields, truth)
    valid = status == Status.VALID
    assert not valid.any() or error[valid].max() < limit
    return valid.mean()


# ---- texture


def test_constant_volumes_are_refused(reference):
    for pair in ((reference, reference * 0 + 5), (reference * 0 + 5, reference)):
        with pytest.raises(InputError, match=r"is constant .grey 5.: without texture nothing can be correlated"):
            correlate(*pair, **QUICK)


@pytest.mark.parametrize(("noise", "states"), [(0.0, False), (2.0, False), (2.0, True)])
def test_a_region_without_texture(texture, noise, states):
    """A smooth grain: its inside has nothing to hold on to, also where noise looks like texture."""
    rng = np.random.default_rng(0)

    def scan(material):
        grain = 0.5 - 0.5 * np.tanh((material[..., 0] - 30.0) / 1.5)
        grey = texture.evaluate(material) * STD / texture.std
        return (MEAN + (1 - grain) * grey - 8 * grain + noise * rng.normal(size=SHAPE)).astype(np.float32)

    pair = scan(places()), scan(MOTION.inverse(places()))
    fields = correlate(*pair, **QUICK, **({"noise": noise} if states else {}))
    status, _ = judge(fields)
    inside = fields["z"].values < 20
    assert share_valid(fields) > 0.4
    assert (status[inside] != Status.VALID).all()
    if not noise:
        assert (status[inside] == Status.NO_TEXTURE).all()
    assert (status[fields["z"].values > 42] == Status.VALID).all()


@pytest.mark.parametrize("shift", [(0.4, 0.3, 0.2), (6.0, 0.0, 0.0)])
@pytest.mark.parametrize("product", [False, True])
def test_a_lattice_that_fits_itself_after_a_period(shift, product):
    """Six voxels and minus four look the same: no point says that it knows."""

    def lattice(at):
        waves = [np.sin(2 * np.pi * (axis - s) / 10) for axis, s in zip(np.mgrid[:EDGE, :EDGE, :EDGE], at, strict=True)]
        return MEAN + STD * (waves[0] * waves[1] * waves[2] if product else sum(waves))

    fields = correlate(lattice((0, 0, 0)), lattice(shift), **QUICK)
    assert (fields["status"] != Status.VALID).all()
    assert (fields["status"] == Status.NO_TEXTURE).mean() > 0.9


@pytest.mark.parametrize("kind", ["blobs", "noise"])
@pytest.mark.parametrize(("shape", "size"), [("affine", 9), ("affine", 21), ("rigid", 13), ("translation", 13)])
def test_unrelated_volumes_have_no_valid_point(kind, shape, size):
    rng = np.random.default_rng(3)
    if kind == "noise":
        pair = [rng.normal(size=SHAPE) for _ in range(2)]
    else:
        pair = [BlobTexture.random(SHAPE, rng=seed).render(SHAPE) for seed in (1, 2)]
    fields = correlate(*pair, subset_size=size, spacing=10, shape=shape, progress=False)
    assert (fields["status"] != Status.VALID).all()


def test_inverted_contrast_is_not_matched(reference, deformed):
    """Contrast may change, but not its sign: that is another modality."""
    assert share_valid(correlate(reference, 255 - deformed, **QUICK)) == 0


# ---- discontinuities and faces


@pytest.mark.parametrize("opening", [1.0, 3.0, 6.0])
def test_a_crack_that_opens_through_subsets(texture, reference, opening):
    """The crack is dark. Subsets that do not touch it are as exact as ever; those across it are given up.

    Where it opens by more than three voxels of the finest averages, what lies beyond may be lost, but is never wrong.
    """
    material = places()
    beyond = material[..., 0] >= 32 + opening
    gap = (material[..., 0] >= 32) & ~beyond
    material[..., 0][beyond] -= opening
    grey = MEAN + STD / texture.std * texture.evaluate(material)
    grey[gap] = 30

    def truth(points):
        return np.stack([np.where(points[..., 0] >= 32, opening, 0.0), 0 * points[..., 0], 0 * points[..., 0]], -1)

    fields = correlate(reference, grey.astype(np.float32), subset_size=17, spacing=5, progress=False)
    status, error = judge(fields, truth)
    z = fields["z"].values
    away = (z < 32 - 10) | (z >= 32 + 10)
    assert (status[away] == Status.VALID).mean() > (0.99 if opening < 5 else 0.5)
    assert np.nanmax(error[away]) < 0.02
    assert (status[(z > 27) & (z < 37)] != Status.VALID).mean() > (0.4 if opening < 2 else 0.9)
    share_valid(fields, truth)


@pytest.mark.parametrize("opening", [2.0, 3.0, 5.0])
def test_a_crack_that_opens_onto_more_texture(texture, reference, opening):
    """Fresh texture in the gap: a subset across it would find something between its two sides, and is given up."""
    material = places()
    beyond = material[..., 0] >= 32 + opening
    gap = (material[..., 0] >= 32) & ~beyond
    material[..., 0][beyond] -= opening
    material[..., 0][gap] += 20
    grey = (MEAN + STD / texture.std * texture.evaluate(material)).astype(np.float32)

    def truth(points):
        return np.stack([np.where(points[..., 0] >= 32, opening, 0.0), 0 * points[..., 0], 0 * points[..., 0]], -1)

    fields = correlate(reference, grey, subset_size=17, spacing=5, progress=False)
    status = fields["status"].values
    z = fields["z"].values
    away = (z < 32 - 9) | (z > 32 + 9)
    assert (status[away] == Status.VALID).mean() > 0.95
    assert (status == Status.PARTLY_MATCHED).any()
    share_valid(fields, truth)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("min_share", [0.5, 0.2])
def test_subsets_that_leave_the_volume(texture, reference, axis, min_share):
    shift = np.zeros(3)
    shift[axis] = 20.0
    motion = translate(tuple(shift))
    fields = correlate(reference, texture.render(SHAPE, motion=motion), min_share=min_share, **QUICK)
    status, error = judge(fields, motion.displacement)
    place = np.broadcast_to(
        np.expand_dims(fields["zyx"[axis]].values, [a for a in range(3) if a != axis]), status.shape
    )
    here = (
        place + 20 + 17 * (0.5 - min_share) < EDGE - 2
    )  # the centre stays in the volume, or the share that is asked for
    assert (status[here] == Status.VALID).all()
    assert (status[place + 20 - 8 >= EDGE] == Status.OUTSIDE_VOLUME).all()
    assert np.nanmax(error) < 0.02


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_thin_volumes(reference, deformed, axis):
    thin = [np.take(v, range(20, 44), axis=axis) for v in (reference, deformed)]
    fields = correlate(*thin, subset_size=15, spacing=8, progress=False)
    points = np.stack(np.meshgrid(fields.z, fields.y, fields.x, indexing="ij"), -1)
    points[..., axis] += 20
    status, error = judge(fields, lambda _: MOTION.displacement(points))
    assert (status == Status.VALID).all()
    assert error.max() < 0.02


# ---- grey values


@pytest.mark.parametrize(("gain", "offset"), [(1.3, 40), (0.7, -40), (1e-3, 0), (1e3, 1e4)])
def test_brightness_and_contrast_of_the_second_scan(reference, deformed, gain, offset):
    assert share_valid(correlate(reference, deformed * gain + offset, **QUICK), limit=5e-3) == 1


@pytest.mark.parametrize(
    ("change", "dtype"),
    [
        (lambda v: v.round(), np.uint8),
        (lambda v: v - MEAN, np.float32),
        (lambda v: (v - MEAN) * 4, np.int8),
        (lambda v: v * 4 + 60000, np.uint16),
        (lambda v: v * 100 - 12800, np.int16),
        (lambda v: v * 1e6, np.int32),
        (lambda v: v * 1e6 + 1e12, np.int64),
        (lambda v: v + 1e5, np.float32),
        (lambda v: v.astype(float) + 1e7, np.float64),
        (lambda v: v / 255 - 0.5, np.float16),
    ],
    ids=["uint8", "zero mean", "int8", "uint16", "int16", "int32", "int64", "float32", "float64", "float16"],
)
def test_types_and_offsets_of_grey(reference, deformed, change, dtype):
    info = np.iinfo(dtype) if np.issubdtype(dtype, np.integer) else None
    pair = [change(v) if info is None else np.clip(change(v), info.min, info.max) for v in (reference, deformed)]
    assert share_valid(correlate(*(v.astype(dtype) for v in pair), **QUICK), limit=0.02) == 1


def test_two_types_of_grey(reference, deformed):
    pair = reference.round().astype(np.uint8), (deformed / 255).astype(np.float32)
    assert share_valid(correlate(*pair, **QUICK), limit=0.02) == 1


def test_saturated_voids_move_with_the_material(texture):
    """Spherical pores, quite black, in both scans: their surfaces are texture as well."""
    rng = np.random.default_rng(5)
    pores = np.column_stack([rng.uniform(0, EDGE, (40, 3)), rng.uniform(3, 7, 40)])

    def scan(motion):
        material = places() if motion is None else motion.inverse(places())
        solid = np.ones(SHAPE)
        for *centre, radius in pores:
            distance = np.linalg.norm(material - centre, axis=-1)
            solid *= 0.5 + 0.5 * np.tanh(distance - radius)
        return np.clip((MEAN + STD / texture.std * texture.evaluate(material)) * solid, 0, 255).astype(np.uint8)

    assert share_valid(correlate(scan(None), scan(MOTION), **QUICK), limit=0.05) == 1


def test_a_black_surrounding_of_zeros(texture):
    """A reconstruction that is zero outside its circle, in both scans and at rest: only what lies in it is right."""
    y, x = np.mgrid[:EDGE, :EDGE] - (EDGE - 1) / 2
    circle = np.hypot(y, x) < 29
    pair = [np.where(circle, texture.render(SHAPE, motion=m), 0) for m in (None, MOTION)]
    mask = np.broadcast_to(circle, SHAPE)
    fields = correlate(*pair, mask=mask, deformed_mask=mask, **QUICK)
    # the step at the rim reaches a voxel or two into the interpolation
    assert share_valid(fields, limit=0.25) > 0.5
    assert float(np.nanmedian(judge(fields)[1])) < 0.01
    assert set(np.unique(fields["status"])) <= {
        Status.VALID,
        Status.OUTSIDE_MASK,
        Status.OUTSIDE_VOLUME,
        Status.BAD_VOXELS,
    }


@pytest.mark.parametrize("strength", [0.1, 0.5])
def test_rings_that_do_not_move_with_the_sample(reference, deformed, strength, caplog):
    """Rings at rest pull towards no motion, by what their contrast is to that of the texture; the user is told so."""
    y, x = np.mgrid[:EDGE, :EDGE] - (EDGE - 1) / 2
    profile = np.random.default_rng(0).normal(size=60) * strength * STD
    rings = np.interp(np.hypot(y, x), np.arange(60), profile)
    with caplog.at_level(logging.WARNING):
        fields = correlate(reference + rings, deformed + rings, **QUICK)
    assert "does not move with the sample" in caplog.text
    assert float(fields["static_contrast"]) > 0.2 * strength
    status, error = judge(fields)
    valid = status == Status.VALID
    if strength == 0.1:
        assert valid.all()
        assert error.max() < 0.1
        return
    truth = MOTION.displacement(np.stack(np.meshgrid(fields.z, fields.y, fields.x, indexing="ij"), -1))
    found = np.stack([fields[name].values for name in ("u_z", "u_y", "u_x")], -1)
    low, high = np.minimum(truth, 0) - 0.5, np.maximum(truth, 0) + 0.5
    assert ((found > low) & (found < high))[valid].all()


# ---- what is missing


def test_subsets_cut_by_a_mask_in_noise_match_in_all_their_parts(reference, deformed):
    noise = np.random.default_rng(0).normal(0, STD / 3, (2, *SHAPE))
    mask = np.hypot(*(np.mgrid[:EDGE, :EDGE] - 31.5)) < 22
    fields = correlate(
        reference + noise[0], deformed + noise[1], mask=np.broadcast_to(mask, SHAPE), min_share=0.3, **QUICK
    )
    assert not (fields["status"] == Status.PARTLY_MATCHED).any()
    assert (fields["status"] == Status.VALID).sum() > 50


def test_noise_as_strong_as_the_texture(reference, deformed):
    rng = np.random.default_rng(5)
    noisy = [grey + rng.normal(0, STD, SHAPE) for grey in (reference, deformed)]
    fields = correlate(*noisy, subset_size=25, spacing=10, progress=False)
    assert share_valid(fields, limit=0.5) > 0.95
    assert fields.attrs["min_cc"] < 0.45
    strict = correlate(*noisy, subset_size=25, spacing=10, min_cc=0.7, progress=False)
    assert strict.attrs["min_cc"] == 0.7
    assert not (strict["status"] == Status.VALID).any()
    clean = correlate(reference, deformed, **QUICK)
    assert clean.attrs["min_cc"] == pytest.approx(0.5)


def test_missing_regions_and_masks(reference, deformed):
    holes = [v.copy() for v in (reference, deformed)]
    holes[0][:24, :30] = np.nan
    holes[1][:, :, 50:] = np.inf
    fields = correlate(*holes, **QUICK)
    assert 0.6 < share_valid(fields, limit=0.02) < 1
    mask = np.zeros(SHAPE, bool)
    mask[:, :36] = True
    for masks in ({"mask": mask}, {"deformed_mask": mask}, {"mask": mask, "deformed_mask": mask}):
        fields = correlate(reference, deformed, **masks, **QUICK)
        assert 0.5 < share_valid(fields, limit=0.02) < 0.7
        y = fields["y"].values
        assert (fields["status"].values[:, y > 46] != Status.VALID).all()
        assert (fields["status"].values[:, y < 30] == Status.VALID).all()


def test_a_mask_without_a_subset_leaves_no_valid_point(reference, deformed):
    mask = np.zeros(SHAPE, bool)
    mask[30:33, 30:33, 30:33] = True
    fields = correlate(reference, deformed, mask=mask, **QUICK)
    assert (fields["status"] == Status.OUTSIDE_MASK).all()


def test_a_motion_that_folds_the_material_is_not_followed(reference):
    """Mirrored along one axis, nothing of it is the same material."""

    class Mirror(Motion):
        def inverse(self, positions):
            return np.asarray(positions) * (-1, 1, 1) + (EDGE - 1, 0, 0)

        def displacement(self, positions):
            return self.inverse(positions) - positions

        def gradient(self, positions):
            raise NotImplementedError

    assert share_valid(correlate(reference, reference[::-1].copy(), **QUICK), Mirror().displacement) < 0.05
