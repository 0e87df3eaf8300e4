from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from volio import read

ARRAY = np.zeros((3, 4, 5), np.uint8)


def save(path: Path, **options: Any) -> Any:
    tifffile.imwrite(path, ARRAY, photometric="minisblack", **options)
    return read(path)


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        ("um", 1),
        ("micron", 1),
        ("micrometers", 1),
        ("\\u00B5m", 1),
        ("nm", 1e-3),
        ("mm", 1e3),
        ("cm", 1e4),
        ("inch", 25400),
    ],
)
def test_imagej(tmp_path: Path, unit: str, factor: float) -> None:
    volume = save(
        tmp_path / "a.tif",
        imagej=True,
        resolution=(2, 4),
        metadata={"axes": "ZYX", "spacing": 3.0, "unit": unit},
    )
    assert volume.voxel_size == pytest.approx((3 * factor, 0.25 * factor, 0.5 * factor))
    assert "notes" not in volume.metadata


@pytest.mark.parametrize(
    ("metadata", "resolution", "note"),
    [
        ({"unit": "um"}, (2, 2), "nothing along z"),
        ({"unit": "um", "spacing": 0.0}, (2, 2), "not a positive number"),
        ({"unit": "um", "spacing": -3.0}, (2, 2), "not a positive number"),
        ({"unit": "um", "spacing": float("nan")}, (2, 2), "not a positive number"),
        ({"unit": "furlong", "spacing": 3.0}, (2, 2), "furlong: no unit of length"),
        ({"spacing": 3.0}, (2, 2), "without unit: no unit of length"),
        ({"unit": "pixel", "spacing": 3.0}, (2, 2), None),
        ({"spacing": 1.0}, (1, 1), None),
        ({}, None, None),
    ],
)
def test_imagej_that_does_not_state_a_size(
    tmp_path: Path, metadata: dict[str, Any], resolution: Any, note: str | None
) -> None:
    options = {} if resolution is None else {"resolution": resolution}
    volume = save(tmp_path / "a.tif", imagej=True, metadata={"axes": "ZYX", **metadata}, **options)
    assert volume.voxel_size is None
    assert volume.origin == (0, 0, 0)
    notes = volume.metadata.get("notes", [])
    assert (note is None and not notes) or note in notes[0]


def test_plane_is_kept_where_the_spacing_is_missing(tmp_path: Path) -> None:
    volume = save(tmp_path / "a.tif", imagej=True, resolution=(2, 4), metadata={"axes": "ZYX", "unit": "nm"})
    assert volume.metadata["pixel_size_um"] == pytest.approx((0.00025, 0.0005))
    assert "exactly 1 nm" in volume.metadata["notes"][1]


@pytest.mark.parametrize("unit", ["INCH", "CENTIMETER"])
def test_print_resolution_is_no_voxel_size(tmp_path: Path, unit: str) -> None:
    volume = save(tmp_path / "a.tif", resolution=(72, 72), resolutionunit=unit, software="scanner 1.0")
    assert volume.voxel_size is None
    assert volume.metadata["resolution"].startswith(f"72 x 72 per {unit.lower()}")
    assert volume.metadata["software"] == "scanner 1.0"
    assert "notes" not in volume.metadata


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25, "PhysicalSizeZ": 3}, (3, 0.25, 0.5)),
        (
            {"PhysicalSizeX": 500, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.25, "PhysicalSizeZ": 3},
            (3, 0.25, 0.5),
        ),
        ({"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25}, None),
        ({"PhysicalSizeX": 1, "PhysicalSizeY": 1, "PhysicalSizeZ": 2, "PhysicalSizeZUnit": "pixel"}, None),
        ({}, None),
    ],
)
def test_ome(tmp_path: Path, sizes: dict[str, Any], expected: Any) -> None:
    volume = save(tmp_path / "a.ome.tif", ome=True, metadata={"axes": "ZYX", **sizes})
    assert volume.voxel_size == (None if expected is None else pytest.approx(expected))
    assert bool(sizes and expected is None) == ("notes" in volume.metadata)


def test_damaged_ome_is_noted(tmp_path: Path) -> None:
    xml = '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image></OME>'
    tifffile.imwrite(tmp_path / "a.tif", ARRAY, photometric="minisblack", description=xml, metadata=None)
    volume = read(tmp_path / "a.tif")
    assert volume.voxel_size is None
    assert "OME-XML is damaged" in volume.metadata["notes"][0]


def test_ome_microscope_and_date(tmp_path: Path) -> None:
    xml = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        '<Instrument ID="Instrument:0"><Microscope Manufacturer="Maker" Model="Nano 1"/></Instrument>'
        '<Image ID="Image:0"><AcquisitionDate>2024-05-06T07:08:09</AcquisitionDate>'
        '<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="5" SizeY="4" SizeZ="3" SizeC="1" SizeT="1" '
        'PhysicalSizeX="1" PhysicalSizeY="1" PhysicalSizeZ="1"><Channel ID="Channel:0:0" SamplesPerPixel="1"/>'
        "<TiffData/></Pixels></Image></OME>"
    )
    tifffile.imwrite(tmp_path / "a.tif", ARRAY, photometric="minisblack", description=xml, metadata=None)
    volume = read(tmp_path / "a.tif")
    assert volume.voxel_size == (1.0, 1.0, 1.0)
    assert volume.metadata["instrument"] == "Maker Nano 1"
    assert volume.metadata["date"] == "2024-05-06T07:08:09"


def test_json_description(tmp_path: Path) -> None:
    size = {"voxel_size": [3, 2, 1], "unit": "nm", "origin": [1, "x", 2]}
    volume = save(tmp_path / "a.tif", metadata=size)
    assert volume.voxel_size == pytest.approx((3e-3, 2e-3, 1e-3))
    assert volume.origin == (0, 0, 0)
    volume = save(tmp_path / "b.tif", metadata={"voxel_size": [3, 2]})
    assert volume.voxel_size is None


def test_two_sources_that_disagree(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    from volio.formats.sizes import agreed_size

    notes: list[str] = []
    size = agreed_size([("OME-XML", None), ("A", (1, 1, 1)), ("B", (2, 1, 1))], notes, name="a.tif")
    assert size == (1, 1, 1)
    assert notes == ["voxel size 1 x 1 x 1 um by A and 2 x 1 x 1 um by B disagree: A is used"]
    assert notes[0] in caplog.text
    assert agreed_size([("A", (1, 1, 1)), ("B", (1.0001, 1, 1))], notes, name="a.tif") == (1, 1, 1)
    assert len(notes) == 1


def test_maker_tags(tmp_path: Path) -> None:
    tags = [(271, "s", 0, "Maker", True), (272, "s", 0, "Nano 1", True)]
    volume = save(tmp_path / "a.tif", extratags=tags, datetime="2024:05:06 07:08:09")
    assert volume.metadata["instrument"] == "Maker Nano 1"
    assert volume.metadata["date"] == "2024:05:06 07:08:09"


def test_fei_and_zeiss(tmp_path: Path) -> None:
    from volio.formats.tiff_metadata import _fei, _zeiss

    found: dict[str, Any] = {}
    _fei(
        {
            "System": {"SystemType": "Helios", "Dnumber": 123},
            "Beam": {"HV": 2000},
            "User": {"Date": "1/2/2024", "Time": "3:04"},
            "Scan": {"PixelWidth": 5e-9, "PixelHeight": 4e-9},
        },
        found,
    )
    assert found["instrument"] == "FEI Helios 123"
    assert found["energy_kV"] == 2.0
    assert found["pixel_size_um"] == pytest.approx((0.004, 0.005))
    found = {}
    _zeiss(
        {"ap_pixel_size": ("Pixel Size", 12.0, "nm"), "ap_actualkv": ("EHT", 1.5, "kV"), "ap_date": ("Date", "x")},
        found,
    )
    assert found == {
        "instrument": "Zeiss",
        "energy_kV": 1.5,
        "date": "x",
        "pixel_size_um": pytest.approx((0.012, 0.012)),
    }
