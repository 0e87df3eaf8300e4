"""Xradia files: real ones against what txrm2tiff 2.2.1 reads, and small ones made here for all else."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from recon import describe_scan, read_scan
from recon.formats import txrm
from volio.errors import FormatError, InputError

Write = Callable[..., Path]

# what txrm2tiff 2.2.1 reads in txrm_test_chip_tomo.txrm
SUMS = [4280467, 5708686, 6420958, 6923329, 6523982, 5553009, 4079730]
ANGLES = [-45.018001556, -30.014125824, -15.014125824, -0.014125000685, 14.985876083, 29.985876083, 44.98587799]
X_SHIFTS = [0.259159267, -0.943685055, 1.28061831, -1.07711148, 1.10473573, -0.955928564, 0.332211077]
Y_SHIFTS = [0.243995577, 0.224194884, -0.011881322, 0.078827679, -0.141717702, -0.145044267, -0.24837485]


@pytest.mark.realdata
def test_scan_of_zeiss_agrees_with_txrm2tiff(data_dir: Path) -> None:
    scan = read_scan(data_dir / "projections/txrm_test_chip_tomo.txrm", lazy=True)
    assert scan.is_lazy
    assert (scan.shape, scan.dtype) == ((7, 256, 256), np.uint16)
    loaded = scan.load().projections
    assert loaded.sum(axis=(1, 2), dtype=np.int64).tolist() == SUMS
    assert (loaded[0, 10, 20], loaded[6, 200, 100]) == (21, 88)
    assert loaded[0, 0, :4].tolist() == [10, 11, 16, 17]
    np.testing.assert_allclose(np.rad2deg(scan.angles), ANGLES, rtol=1e-8)
    # the file says how to move a projection, a scan where it lies
    np.testing.assert_allclose(scan.shifts, -np.column_stack([Y_SHIFTS, X_SHIFTS]), rtol=1e-7)
    assert scan.pixel_size == pytest.approx(0.15578948)
    assert scan.unit == "um"
    known = scan.metadata
    assert known["energy_kev"] == pytest.approx(9.2000166)
    assert known["exposure_s"] == 5
    assert known["xray_magnification"] == 38
    assert known["date"] == "11/09/15 18:19:21"
    assert known["geometry"] == {"beam": "parallel"}
    assert known["shift_causes"] == ["metrology"]
    assert known["per_projection"]["sample_x"][2] == pytest.approx(1019.45996)
    assert "no flats" in known["notes"][-1]


@pytest.mark.realdata
def test_image_of_zeiss_agrees_with_txrm2tiff(data_dir: Path) -> None:
    path = data_dir / "projections/test_chip00.xrm"
    found = txrm.read(path, None)
    image = np.asarray(found.projections)[0]
    assert (image.shape, image.dtype, image.sum(dtype=np.int64)) == ((512, 512), np.uint16, 11192542)
    assert image[10, 20] == 14
    assert found.pixel_size == pytest.approx(0.07789474)
    # the reference is scaled from 40 s to 39.88 s; txrm2tiff gives 100 times image over reference
    transmission = 100 * image.astype(float) / found.flats[0]
    assert found.flats.dtype == np.float32
    assert transmission[100, 200] == pytest.approx(14.214191436, rel=1e-6)
    assert transmission[300, 50] == pytest.approx(14.609029770, rel=1e-6)
    assert transmission.mean() == pytest.approx(15.043503392, rel=1e-6)
    with pytest.raises(InputError, match="a single projection, a scan needs two or more"):
        read_scan(path)
    assert describe_scan(path).shape == (1, 512, 512)


@pytest.mark.realdata
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.99])
def test_truncated_scan_of_zeiss(data_dir: Path, tmp_path: Path, part: float) -> None:
    whole = (data_dir / "projections/txrm_test_chip_tomo.txrm").read_bytes()
    path = tmp_path / "cut.txrm"
    path.write_bytes(whole[: int(part * len(whole))])
    with pytest.raises(FormatError, match=r"cut.txrm is (truncated|damaged)") as error:
        read_scan(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("sector", [512, 4096])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
def test_every_type_of_pixel(write_txrm: Write, images: np.ndarray, dtype: str, sector: int) -> None:
    images = (images % 120).astype(dtype)
    scan = read_scan(write_txrm(images, sector=sector))
    assert scan.dtype == dtype
    np.testing.assert_array_equal(scan.projections, images)
    np.testing.assert_allclose(np.rad2deg(scan.angles), np.linspace(-90, 90, 5), atol=1e-5)
    assert scan.pixel_size == pytest.approx(0.065)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_type_not_stated_is_told_by_the_size(write_txrm: Write, images: np.ndarray, dtype: str) -> None:
    images = (images % 120).astype(dtype)
    scan = read_scan(write_txrm(images, ImageInfo__DataType=None))
    np.testing.assert_array_equal(scan.projections, images)


def test_more_than_a_hundred_images_lie_in_several_folders(write_txrm: Write) -> None:
    images = np.random.default_rng(1).integers(0, 999, (203, 6, 9)).astype(np.uint16)
    scan = read_scan(write_txrm(images), lazy=True)
    np.testing.assert_array_equal(scan.projections[98:103, 2:4], images[98:103, 2:4])
    np.testing.assert_array_equal(scan.load().projections, images)


def test_images_are_read_one_at_a_time(write_txrm: Write, images: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    from recon.formats.ole import OleStreams

    scan = read_scan(write_txrm(images), lazy=True)
    seen: list[tuple[str, int, int]] = []
    plain = OleStreams.read

    def watched(self: OleStreams, name: str, *part: int) -> bytes:
        seen.append((name, *part))
        return plain(self, name, *part)

    monkeypatch.setattr(OleStreams, "read", watched)
    np.testing.assert_array_equal(scan.projections[3, 4:6], images[3, 4:6])
    # 60 pixels of two bytes a row
    assert seen == [("ImageData1/Image4", 480, 720)]


@pytest.mark.parametrize("side", [40, 80])
def test_rows_and_columns(write_txrm: Write, side: int) -> None:
    # images of less than 4096 bytes are stored together in small sectors
    images = np.random.default_rng(2).integers(0, 999, (4, side, side)).astype(np.uint16)
    scan = read_scan(write_txrm(images), lazy=True)
    np.testing.assert_array_equal(scan.projections[1:3, 7:31, 5:11], images[1:3, 7:31, 5:11])


def test_images_in_scattered_sectors(write_txrm: Write) -> None:
    images = np.random.default_rng(3).integers(0, 999, (2, 64, 64)).astype(np.uint16)
    path = write_txrm(images, sector=512)
    whole = bytearray(path.read_bytes())
    fat = (struct.unpack_from("<I", whole, 76)[0] + 1) * 512
    # the second and third sector of the first image change places
    whole[1024:2048] = whole[1536:2048] + whole[1024:1536]
    for sector, following in ((0, 2), (2, 1), (1, 3)):
        struct.pack_into("<I", whole, fat + 4 * sector, following)
    path.write_bytes(whole)
    np.testing.assert_array_equal(read_scan(path, lazy=True).projections[:, 3:40], images[:, 3:40])
    np.testing.assert_array_equal(read_scan(path).projections, images)


def test_reference_of_the_same_exposure_stays_as_it_is(write_txrm: Write, images: np.ndarray) -> None:
    reference = np.full((40, 60), 900, "<u2")
    scan = read_scan(
        write_txrm(images, ReferenceData__Image=reference, ReferenceData__DataType=5, ReferenceData__ExpTime=5.0)
    )
    assert scan.flats.dtype == np.uint16
    np.testing.assert_array_equal(scan.flats, reference[None])
    assert "notes" not in scan.metadata


def test_reference_of_another_exposure_is_scaled(write_txrm: Write, images: np.ndarray) -> None:
    reference = np.full((40, 60), 900, "<f4")
    path = write_txrm(
        images,
        ReferenceData__Image=reference,
        ReferenceData__DataType=10,
        ReferenceData__ImageInfo__ExpTimes=10.0,
        ReferenceData__ImageInfo__ImageWidth=60,
        ReferenceData__ImageInfo__ImageHeight=40,
    )
    scan = read_scan(path)
    np.testing.assert_array_equal(scan.flats, np.full((1, 40, 60), 450, np.float32))
    assert "it is scaled" in scan.metadata["notes"][0]


def test_several_references(write_txrm: Write, images: np.ndarray) -> None:
    first, second = np.full((40, 60), 800, "<u2"), np.full((40, 60), 900, "<u2")
    path = write_txrm(
        images, MultiReferenceData__Image1=first, MultiReferenceData__Image2=second, MultiReferenceData__DataType=5
    )
    np.testing.assert_array_equal(read_scan(path).flats, [first, second])


def test_reference_that_is_not_to_be_used(write_txrm: Write, images: np.ndarray) -> None:
    reference = np.full((20, 30), 900, "<u2")
    path = write_txrm(
        images,
        ReferenceData__Image=reference,
        ReferenceData__ImageInfo__ImageWidth=30,
        ReferenceData__ImageInfo__ImageHeight=20,
    )
    scan = read_scan(path)
    assert scan.flats is None
    assert "it is left out" in scan.metadata["notes"][0]
    with pytest.raises(FormatError, match="a reference image is not 40 x 60 pixels"):
        read_scan(write_txrm(images, ReferenceData__Image=reference, ReferenceData__DataType=5))
    corrected = write_txrm(images, ReferenceData__Image=np.ones((40, 60), "<u2"), ImageInfo__OriginalDataRefCorrected=1)
    assert read_scan(corrected).flats is None
    assert read_scan(corrected, flats=100).flats[0, 3, 4] == 100


def test_shifts_say_where_a_projection_lies(write_txrm: Write, images: np.ndarray) -> None:
    x, y = np.array([1, -2, 3, 0, 5], "<f4"), np.array([0.5, 0, 0, -4, 0], "<f4")
    scan = read_scan(write_txrm(images, Alignment__X_Shifts=x, Alignment__Y_Shifts=y, Alignment__StageShiftsApplied=1))
    np.testing.assert_array_equal(scan.shifts, -np.column_stack([y, x]).astype(float))
    assert scan.metadata["shift_causes"] == ["stage"]
    zero = read_scan(write_txrm(images, Alignment__X_Shifts=0 * x, Alignment__Y_Shifts=0 * x))
    assert zero.shifts is None
    odd = read_scan(write_txrm(images, Alignment__X_Shifts=x * np.nan, Alignment__Y_Shifts=y))
    assert odd.shifts is None
    assert "not finite" in odd.metadata["notes"][0]


def test_center_shift_is_told_and_not_taken_over(write_txrm: Write, images: np.ndarray) -> None:
    scan = read_scan(write_txrm(images, ReconSettings__CenterShift=2.5))
    assert scan.center is None
    assert scan.metadata["center_shift"] == 2.5
    assert "near column 27.00 (or 32.00" in scan.metadata["notes"][0]


def test_scan_that_was_ended_early(write_txrm: Write, images: np.ndarray, caplog: pytest.LogCaptureFixture) -> None:
    scan = read_scan(write_txrm(images, ImageInfo__ImagesTaken=3))
    assert scan.n_angles == 3
    np.testing.assert_array_equal(scan.projections, images[:3])
    assert "3 of 5 projections were taken" in caplog.text


def test_metadata(write_txrm: Write, images: np.ndarray) -> None:
    date = b"11/09/15 18:19:21".ljust(40, b"\0") * 5
    path = write_txrm(
        images,
        ImageInfo__Energy=np.array([0, 8, 8, 0, 8, 99, 99], "<f4"),
        ImageInfo__ExpTimes=np.array([5, 5, 10, 5, 5], "<f4"),
        ImageInfo__Voltage=60.0,
        ImageInfo__CameraName=b"Imaging\0rubbish".ljust(80, b"\1"),
        ImageInfo__Date=date,
        ImageInfo__XPosition=np.full(5, np.nan, "<f4"),
        ImageInfo__CameraBinning=2,
    )
    known = read_scan(path).metadata
    assert known["energy_kev"] == 8
    assert known["exposure_s"] == 5
    assert known["voltage_kv"] == 60
    assert known["camera"] == "Imaging"
    assert known["date"] == "11/09/15 18:19:21"
    assert known["camera_binning"] == 2
    assert known["per_projection"] == {"exposure_s": [5, 5, 10, 5, 5]}
    assert "5 to 10 s" in known["notes"][0]


@pytest.mark.parametrize(
    ("streams", "geometry"),
    [
        ({"ImageInfo__XrayGeometry": 2}, {"beam": "parallel"}),
        ({"ImageInfo__XrayGeometry": None}, {"beam": "not stated"}),
        (
            {"ImageInfo__XrayGeometry": 0, "ConfigureBackup__ConfigCamera__Camera 1__ConfigZonePlates__Name": b"HRES"},
            {"beam": "parallel"},
        ),
        (
            {"ImageInfo__XrayGeometry": 1, "ImageInfo__StoRADistance": -5000.0, "ImageInfo__DtoRADistance": 80.0},
            {"beam": "cone", "source_distance": 5000.0, "detector_distance": 80.0},
        ),
        (
            {"ImageInfo__XrayGeometry": None, "ImageInfo__StoRADistance": 5000.0},
            {"beam": "cone", "source_distance": 5000.0},
        ),
    ],
)
def test_geometry(write_txrm: Write, images: np.ndarray, streams: dict[str, object], geometry: dict) -> None:
    read = read_scan(write_txrm(images, **streams)).metadata["geometry"]
    read.pop("parallel_error", None)
    assert read == geometry


def test_cone_beam_is_refused_but_described(write_txrm: Write, images: np.ndarray) -> None:
    path = write_txrm(images, ImageInfo__XrayGeometry=1, ImageInfo__StoRADistance=-0.2, ImageInfo__DtoRADistance=10.0)
    with pytest.raises(InputError, match=r"cone-beam scan \(source 0.2 mm from the axis\).*0.1 are allowed"):
        read_scan(path)
    assert "beam cone" in str(describe_scan(path))
    with pytest.raises(InputError, match="without a source distance"):
        read_scan(write_txrm(images, ImageInfo__XrayGeometry=1))


@pytest.mark.parametrize(
    ("streams", "message"),
    [
        ({"ImageInfo__MosiacMode": 1, "ImageInfo__MosiacColumns": 2, "ImageInfo__MosiacRows": 3}, "mosaic of 2 x 3"),
        ({"ImageInfo__MosiacColumns": 2, "ImageInfo__MosiacRows": 1}, "mosaic of 2 x 1"),
        ({"ImageInfo__ImageWidth": None}, "states no images"),
        ({"ImageInfo__ImagesTaken": 0}, "holds none of its 5 images"),
        ({"ImageInfo__DataType": 12}, "pixels of type 12: readable are 2 .int8."),
        ({"ImageInfo__DataType": 10}, "image 1 has 4800 bytes, 40 x 60 pixels of float32 need 9600"),
        ({"ImageData1__Image3": b"short"}, "image 3 has 5 bytes"),
        ({"ImageData1__Image4": None}, "image 4 of 5 is missing"),
        ({"ImageInfo__DataType": None, "ImageData1__Image1": b"short"}, "states no type of pixels"),
        ({"ImageInfo__Angles": np.zeros(3, "<f4")}, "5 images but 3 angles"),
    ],
)
def test_odd_files(write_txrm: Write, images: np.ndarray, streams: dict[str, object], message: str) -> None:
    with pytest.raises(FormatError, match=message) as error:
        read_scan(write_txrm(images, **streams))
    assert "\n" not in str(error.value)


def test_angles_not_stated(write_txrm: Write, images: np.ndarray) -> None:
    path = write_txrm(images, ImageInfo__Angles=None, ImageInfo__PixelSize=0.0)
    with pytest.raises(InputError, match="states no angles for its 5 projections: give angles or angle_range"):
        read_scan(path)
    scan = read_scan(path, angle_range=(0, 144))
    np.testing.assert_allclose(np.rad2deg(scan.angles), [0, 36, 72, 108, 144])
    assert scan.pixel_size is None
    assert "no pixel size is stated" in scan.metadata["notes"][0]


def test_nan_in_angles(write_txrm: Write, images: np.ndarray) -> None:
    angles = np.array([0, 1, np.nan, 3, np.nan], "<f4")
    with pytest.raises(InputError, match="2 of the 5 angles of scan 'scan' are NaN or infinite, the first at proj"):
        read_scan(write_txrm(images, ImageInfo__Angles=angles))


def test_damaged_files(write_txrm: Write, images: np.ndarray, tmp_path: Path) -> None:
    path = write_txrm(images, sector=512)
    whole = bytearray(path.read_bytes())
    text = tmp_path / "text.txrm"
    text.write_text("no OLE2 file")
    with pytest.raises(FormatError, match="not an Xradia file as its name says"):
        read_scan(text)
    path.write_bytes(whole[:200])
    with pytest.raises(FormatError, match="ends within the OLE2 header"):
        read_scan(path)
    path.write_bytes(bytes(whole[:28]) + b"\xff\xfe" + bytes(whole[30:]))
    with pytest.raises(FormatError, match="not little-endian"):
        read_scan(path)
    # a chain of sectors that leaves the file
    fat = struct.unpack_from("<I", whole, 76)[0]
    damaged = bytearray(whole)
    struct.pack_into("<I", damaged, (fat + 1) * 512, 0x00F00000)
    path.write_bytes(damaged)
    with pytest.raises(FormatError, match="images lie beyond its end"):
        read_scan(path)
    with pytest.raises(FormatError, match="holds no datasets to choose from"):
        read_scan(write_txrm(images), dataset="/a")
    with pytest.raises(FormatError, match="is a reconstructed volume"):
        read_scan(write_txrm(images, name="volume.txm"))


def test_stream_that_cannot_be_read(write_txrm: Write, images: np.ndarray) -> None:
    path = write_txrm(images)
    scan = read_scan(path, lazy=True)
    whole = bytearray(path.read_bytes())
    with path.open("r+b") as file:
        file.truncate(len(whole) // 4)
    with pytest.raises(FormatError, match=r"scan.txrm is damaged"):
        scan.load()


def test_tables_that_olefile_cannot_read(write_txrm: Write, images: np.ndarray) -> None:
    path = write_txrm(images)
    whole = bytearray(path.read_bytes())
    struct.pack_into("<I", whole, 48, 0x00F00000)  # the first sector of the directory
    path.write_bytes(whole)
    with pytest.raises(FormatError, match=r"scan.txrm is truncated or damaged \("):
        read_scan(path)


def test_file_that_is_closed_meanwhile(write_txrm: Write, images: np.ndarray) -> None:
    from recon.formats.ole import OleStreams

    streams = OleStreams(write_txrm(images))
    streams.close()
    with pytest.raises(FormatError, match="stream ImageData1/Image1 cannot be read"):
        streams.read("ImageData1/Image1")


def test_words_without_a_stream(write_txrm: Write, images: np.ndarray) -> None:
    from recon.formats.ole import OleStreams

    streams = OleStreams(write_txrm(images))
    assert streams.words("ImageInfo/Nothing", 3) == []
    assert streams.integer("ImageInfo/Nothing") is None
    streams.close()
