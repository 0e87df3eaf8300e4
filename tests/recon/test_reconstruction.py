import logging
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from acquisition.projections import EllipsePhantom, SpherePhantom, expose
from recon.reconstruction import reconstruct
from recon.scan import Scan
from volio import InputError

ANGLES = np.linspace(0, np.pi, 120, endpoint=False)
SIZE = 64
PACKING = SpherePhantom.electrode(SIZE, height=24, particles=40, value=0.01)


def scan_of(phantom=PACKING, *, rows=24, angles=ANGLES, geometry=None, **fields):
    images = phantom.project(angles, rows=rows, columns=SIZE, **(geometry or {}))
    return Scan(images, angles, **({"center": 0.5 * (SIZE - 1)} | fields))


def inside(volume, radius=26):
    y, x = np.mgrid[: volume.shape[1], : volume.shape[2]]
    middle = 0.5 * (np.array(volume.shape[1:]) - 1)
    return volume[:, np.hypot(y - middle[0], x - middle[1]) <= radius]


def difference(one, other):
    """Part of the contrast by which two volumes differ."""
    return np.std(inside(one) - inside(other)) / np.std(inside(other))


def test_a_packing_comes_back():
    volume = reconstruct(scan_of(), progress=False)
    truth = PACKING.render((24, SIZE, SIZE))
    assert difference(volume.data, truth) < 0.2
    assert inside(volume.data).mean() == pytest.approx(inside(truth).mean(), rel=2e-3)
    slope = np.polyfit(inside(truth).ravel(), inside(volume.data).ravel(), 1)[0]
    assert slope == pytest.approx(1, abs=0.05)  # particles of a few pixels


def test_values_are_per_length_and_the_metadata_say_how():
    volume = reconstruct(
        scan_of(pixel_size=0.5, metadata={"energy": 8.0}), filter="hann", slices=(2, 4), progress=False
    )
    plain = reconstruct(scan_of(), filter="hann", slices=(2, 4), progress=False)
    np.testing.assert_allclose(volume.data, 2 * plain.data, rtol=1e-5, atol=1e-8)
    assert volume.voxel_size == (0.5, 0.5, 0.5)
    assert volume.origin == (1.0, 0.0, 0.0)
    made = volume.metadata["reconstruction"]
    assert volume.metadata["energy"] == 8.0
    expected = {"filter": "hann", "center": 31.5, "center_from": "scan", "weighting": "mass", "angles_used": 120}
    assert made | expected == made
    assert made["value_unit"] == "1/um"
    assert plain.metadata["reconstruction"]["value_unit"] == "1/pixel"
    assert plain.voxel_size is None
    assert "per pixel" in plain.metadata["notes"][-1]


def test_slices_regions_threads_and_places_change_no_bit():
    scan = scan_of()
    whole = reconstruct(scan, threads=1, progress=False)
    out = np.empty((9, 20, SIZE), np.float32)
    part = reconstruct(scan, slices=(3, 12), region=((10, 30), None), out=out, threads=3, progress=True)
    assert part.data is out
    np.testing.assert_array_equal(out, whole.data[3:12, 10:30])
    assert part.origin == (3.0, 10.0, 0.0)
    serial = reconstruct(scan, executor="serial", progress=SimpleNamespace(update=lambda n=1: None))
    np.testing.assert_array_equal(serial.data, whole.data)


def test_shifts_and_a_tilt_are_undone():
    still = reconstruct(scan_of(), progress=False).data[4:20]
    shifts = np.random.default_rng(0).uniform(-1.5, 1.5, (120, 2))
    moved = {"shifts": shifts, "tilt": 0.03}
    undone = reconstruct(scan_of(geometry=moved, shifts=shifts), tilt=0.03, progress=False).data[4:20]
    wrong = reconstruct(scan_of(geometry=moved), progress=False).data[4:20]
    assert difference(undone, still) < 0.25
    assert difference(wrong, still) > 2 * difference(undone, still)


@pytest.mark.parametrize("tilt", [0.1, -0.1])
def test_slices_off_the_middle_follow_a_leaning_axis(tilt):
    still = reconstruct(scan_of(), progress=False).data
    undone = reconstruct(scan_of(geometry={"tilt": tilt}), tilt=tilt, progress=False).data
    for part in (slice(3, 7), slice(17, 21)):
        assert difference(undone[part], still[part]) < 0.15


@pytest.mark.parametrize("size", [0.5, 2.0])
def test_other_voxels(size):
    volume = reconstruct(scan_of(pixel_size=2.0), voxel_size=2.0 * size, progress=False)
    shape = tuple(round(n / size) for n in (24, SIZE, SIZE))
    assert volume.shape == shape
    assert volume.voxel_size == (2 * size,) * 3
    truth = PACKING.render((24, SIZE, SIZE)) / 2
    if size == 2:
        truth = truth.reshape(12, 2, 32, 2, 32, 2).mean(axis=(1, 3, 5))
        assert np.std(inside(volume.data, 13) - inside(truth, 13)) < 0.25 * np.std(truth)
    else:
        coarse = volume.data.reshape(24, 2, SIZE, 2, SIZE, 2).mean(axis=(1, 3, 5))
        assert difference(coarse, truth) < 0.25


def test_a_limited_range_keeps_the_mass_or_the_measured_part():
    angles = np.deg2rad(np.linspace(-70, 70, 121))
    scan = scan_of(angles=angles)
    truth = inside(PACKING.render((24, SIZE, SIZE))).mean()
    means = [inside(reconstruct(scan, weighting=w, progress=False).data).mean() for w in ("mass", "angular")]
    assert means[0] == pytest.approx(truth, rel=0.01)
    assert means[1] == pytest.approx(truth * 141.2 / 180, rel=0.015)


def test_counts_are_corrected_first():
    lines = PACKING.project(ANGLES, rows=8, columns=SIZE)
    shot = expose(lines, photons=1e6, rng=0, dark=100)
    scan = Scan(shot.projections, ANGLES, flats=shot.flats, darks=shot.darks, center=31.5)
    volume = reconstruct(scan, progress=False)
    assert difference(volume.data, reconstruct(Scan(lines, ANGLES, center=31.5), progress=False).data) < 0.15


def test_an_unknown_axis_is_searched_for(caplog):
    scan = scan_of(geometry={"center": 33.2}, center=None)
    with caplog.at_level(logging.WARNING):
        volume = reconstruct(scan, progress=False, slices=(8, 16))
    assert volume.metadata["reconstruction"]["center"] == pytest.approx(33.2, abs=0.3)
    assert "rotation axis found" in caplog.text
    given = reconstruct(scan, center=33.2, progress=False, slices=(8, 16))
    assert given.metadata["reconstruction"]["center_from"] == "given"


def test_a_wide_specimen_is_noticed():
    wide = EllipsePhantom.disc(50, 0.01).project(ANGLES, columns=SIZE)[:, None]
    volume = reconstruct(Scan(wide, ANGLES, center=31.5), progress=False)
    assert volume.metadata["reconstruction"]["padding"] == "cylinder"
    assert volume.metadata["reconstruction"]["specimen_radius_pixels"] == pytest.approx(50, rel=0.01)
    assert inside(volume.data).mean() == pytest.approx(0.01, rel=5e-3)
    assert reconstruct(scan_of(), progress=False).metadata["reconstruction"]["padding"] == "taper"


def test_gridrec_of_tomopy_gets_padded_rows_and_its_scale_is_corrected(monkeypatch):
    asked = {}

    def recon(rows, angles, **options):
        asked.update(options, shape=rows.shape)
        return np.full((rows.shape[1], rows.shape[2], rows.shape[2]), 1.108, np.float32)

    monkeypatch.setitem(sys.modules, "tomopy", SimpleNamespace(recon=recon))
    volume = reconstruct(scan_of(), backend="tomopy", method="gridrec", slices=(0, 8), threads=1, progress=False)
    np.testing.assert_allclose(inside(volume.data), 1, rtol=1e-6)
    assert asked == {
        "shape": (120, 8, 192), "center": 95.5, "algorithm": "gridrec", "filter_name": "ramlak", "ncore": 1
    }  # fmt: skip
    with pytest.raises(InputError, match="has the filters"):
        reconstruct(scan_of(), backend="tomopy", method="gridrec", filter=[1.0, 0.0], progress=False)


class Data2d:
    """Stands for what ASTRA keeps of arrays."""

    def delete(self, number):
        pass


def documented_astra():
    """Back projection as the documentation of ASTRA has it: y points up, a ray, a middle and a step a projection."""

    def back_project(rows, projector):
        columns, vectors, size = projector
        x = np.arange(size) - 0.5 * (size - 1)
        x, y = np.meshgrid(x, -x)
        image = np.zeros((size, size))
        for row, (_, _, middle_x, middle_y, step_x, step_y) in zip(rows, vectors, strict=True):
            place = (x - middle_x) * step_x + (y - middle_y) * step_y + 0.5 * (columns - 1)
            image += np.interp(place, np.arange(columns), row, left=0, right=0)
        return 1, image

    return SimpleNamespace(
        create_proj_geom=lambda kind, columns, vectors: (columns, vectors),
        create_vol_geom=lambda rows, columns: rows,
        create_projector=lambda kind, detector, image: (*detector, image),
        create_backprojection=back_project,
        data2d=Data2d(),
        projector=Data2d(),
    )


@pytest.mark.parametrize("real", [False, True])
def test_astra_agrees(monkeypatch, real):
    if real:
        pytest.importorskip("astra")
    else:
        monkeypatch.setitem(sys.modules, "astra", documented_astra())
    scan = scan_of(geometry={"center": 30.1}, center=30.1)
    theirs = reconstruct(scan, backend="astra", slices=(8, 12), progress=False)
    assert difference(theirs.data, reconstruct(scan, slices=(8, 12), progress=False).data) < 0.1


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"method": "art"}, "method must be"),
        ({"backend": "cuda"}, "backend must be"),
        ({"backend": "tomopy"}, "leaves out the filter"),
        ({"method": "gridrec"}, "not offered"),
        ({"backend": "astra", "tilt": 0.01}, "neither voxel_size, tilt nor shifts"),
        ({"tilt": 2.0}, "degrees"),
        ({"voxel_size": -1.0}, "voxel_size"),
        ({"slices": (4, 40)}, "slices need"),
        ({"region": ((0, 90), None)}, "not inside the slice"),
        ({"region": ((0, 9, 2), None)}, "needs a pair"),
        ({"region": ((0, 9),)}, "two ranges"),
        ({"center": -5.0}, "inside the detector"),
        ({"padding": "mirror"}, "padding must be"),
        ({"out": np.empty((1, 2, 3))}, "out must have the shape"),
        ({"out": np.empty((24, SIZE, SIZE), np.uint16)}, "out must hold real numbers"),
        ({"padding": "cylinder"}, "needs a radius"),
    ],
)
def test_wrong_options_are_refused(options, match):
    with pytest.raises(InputError, match=match):
        reconstruct(scan_of(), progress=False, **options)


def test_missing_packages_and_missing_values_are_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "tomopy", None)
    with pytest.raises(InputError, match="conda install"):
        reconstruct(scan_of(), backend="tomopy", method="gridrec", progress=False)
    images = scan_of().projections.copy()
    images[3, 5, 7] = np.nan
    with pytest.raises(InputError, match="slices 0 to 7 hold values that are NaN"):
        reconstruct(Scan(images, ANGLES, center=31.5), progress=False, padding="zero")


@pytest.mark.parametrize("method", ["sirt", "tv"])
def test_iterative_methods_say_what_they_chose(method):
    angles = np.deg2rad(np.linspace(-70, 70, 41))
    rows = EllipsePhantom.disc(10, 0.02, x=3).project(angles, columns=32, center=15.5)
    scan = Scan(np.repeat(rows[:, None], 2, axis=1), angles, pixel_size=0.5, center=15.5)
    setting = {"iterations": 30} if method == "sirt" else {"weight": 0.01}
    volume = reconstruct(scan, method=method, progress=False, **setting)
    y, x = np.indices((32, 32)) - 15.5
    inside = np.hypot(y, x - 3) < 7
    assert volume.data[:, inside].mean() == pytest.approx(0.04, rel=0.05)
    said = volume.metadata["reconstruction"]
    assert said["method"] == method
    assert said["nonnegative"]
    assert "filter" not in said
    assert volume.data.min() >= 0
    with pytest.raises(InputError, match="numba"):
        reconstruct(scan, method=method, backend="astra", progress=False)
