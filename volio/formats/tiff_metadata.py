"""What a TIFF states about itself: in OME-XML, ImageJ, JSON and resolution tags, and SEM makers' tags."""

import logging
import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from tifffile import RESUNIT, TiffFile

from volio.formats.sizes import Size, agreed_size, stated_size
from volio.units import conversion_factor, length_unit

__all__ = ["read_metadata"]

logger = logging.getLogger(__name__)

Origin = tuple[float, float, float]


def read_metadata(tif: TiffFile, path: Path) -> dict[str, Any]:
    """Return what the file knows.

    Returns
    -------
    dict
        "voxel_size" (3 floats in um, or None), "origin" (in um, or voxels), "notes" (list of str), and what
        else is there: "software", "date", "instrument", "energy_kV", "pixel_size_um" and "resolution".
    """
    notes: list[str] = []
    found: dict[str, Any] = {}
    sizes: list[tuple[str, Size | None]] = []
    origin: Origin = (0.0, 0.0, 0.0)
    if tif.ome_metadata:
        size, origin = _ome(tif.ome_metadata, found, notes)
        sizes.append(("OME-XML", size))
    json = (tif.shaped_metadata or ({},))[0]
    if "voxel_size" in json:
        sizes.append(("the JSON description", _json_size(json, notes)))
        origin = _origin(json.get("origin"))
    imagej = tif.imagej_metadata
    if imagej:
        size = _imagej(tif, imagej, found, notes)
        sizes.append(("ImageJ's tags", size))
        origin = _imagej_origin(imagej, size)
    _resolution(tif, found, is_imagej=bool(imagej))
    _tags(tif, found)
    size = agreed_size(sizes, notes, name=str(path))
    return {
        **found,
        "notes": notes,
        "voxel_size": size,
        "origin": origin if size is not None else (0.0, 0.0, 0.0),
    }


def _number(value: Any) -> float | None:
    """Return a number as a float, or None where nothing, or no number, is stated."""
    try:
        return None if value is None or value == "" else float(value)
    except (TypeError, ValueError):
        return math.nan


def _ome(xml: str, found: dict[str, Any], notes: list[str]) -> tuple[Size | None, Origin]:
    """Read PhysicalSizeZ, Y, X (the OME schema says micrometres where a unit is not given) and our own origin."""
    try:
        root = ElementTree.fromstring(xml.encode())
    except ElementTree.ParseError as error:
        notes.append(f"the OME-XML is damaged ({error}) and was not used")
        return None, (0.0, 0.0, 0.0)
    pixels = root.find(".//{*}Pixels")
    if pixels is None:
        return None, (0.0, 0.0, 0.0)
    microscope = root.find(".//{*}Microscope")
    if microscope is not None:
        found["instrument"] = " ".join(filter(None, (microscope.get(k) for k in ("Manufacturer", "Model"))))
    date = root.find(".//{*}AcquisitionDate")
    if date is not None and date.text:
        found["date"] = date.text
    size = [_number(pixels.get(f"PhysicalSize{axis}")) for axis in "ZYX"]
    units = [pixels.get(f"PhysicalSize{axis}Unit", "µm") for axis in "ZYX"]
    _pixel_size(size[1], size[2], units[2], found)
    own = {entry.get("K"): entry.text for entry in root.iterfind(".//{*}MapAnnotation//{*}M")}
    origin = _origin([own.get(f"origin_{axis}_um") for axis in "zyx"])
    return stated_size(size, units, notes, source="OME-XML"), origin


def _json_size(json: dict[str, Any], notes: list[str]) -> Size | None:
    values = json["voxel_size"]
    sizes = [_number(v) for v in values] if isinstance(values, list) and len(values) == 3 else [math.nan] * 3
    return stated_size(sizes, str(json.get("unit", "")), notes, source="the JSON description")


def _origin(values: Any) -> Origin:
    numbers = [_number(v) for v in values] if isinstance(values, list) and len(values) == 3 else []
    if len(numbers) != 3 or any(v is None or not math.isfinite(v) for v in numbers):
        return 0.0, 0.0, 0.0
    z, y, x = (float(v or 0) for v in numbers)
    return z, y, x


def _imagej(tif: TiffFile, imagej: dict[str, Any], found: dict[str, Any], notes: list[str]) -> Size | None:
    """Read the pixel size from the resolution tags, and the spacing and unit from the description.

    ImageJ itself leaves out a spacing of exactly 1, also where it was never set: that is not stated.
    """
    unit = str(imagej.get("unit", ""))
    y, x = _per_pixel(tif, "YResolution"), _per_pixel(tif, "XResolution")
    z = _number(imagej.get("spacing"))
    if length_unit(unit) is None and "pixel" in unit.lower():
        return None
    _pixel_size(y, x, unit, found)
    size = stated_size((z, y, x), unit or None, notes, source="ImageJ")
    if z is None and x is not None and length_unit(unit) is not None:
        notes.append(f"ImageJ leaves out a slice spacing of exactly 1 {unit}: give voxel_size if that was meant")
    return size


def _imagej_origin(imagej: dict[str, Any], size: Size | None) -> Origin:
    """ImageJ states which (fractional) pixel lies at zero."""
    if size is None:
        return 0.0, 0.0, 0.0
    places = [_number(imagej.get(key, 0.0)) for key in ("zorigin", "yorigin", "xorigin")]
    if any(p is None or not math.isfinite(p) for p in places):
        return 0.0, 0.0, 0.0
    z, y, x = (-(p or 0.0) * s + 0.0 for p, s in zip(places, size, strict=True))
    return z, y, x


def _per_pixel(tif: TiffFile, name: str) -> float | None:
    """Return the size of a pixel by a resolution tag, in whatever unit, or None."""
    tag = tif.pages.first.tags.get(name)
    if tag is None:
        return None
    pixels, length = tag.value if isinstance(tag.value, tuple) else (tag.value, 1)
    return length / pixels if pixels else math.nan


def _pixel_size(y: float | None, x: float | None, unit: str, found: dict[str, Any]) -> None:
    """Keep what is known of the plane: it is of use also where the spacing of slices is not stated."""
    if length_unit(unit) and y and x and math.isfinite(y) and math.isfinite(x) and min(y, x) > 0:
        factor = conversion_factor(unit)
        found["pixel_size_um"] = (y * factor, x * factor)


def _resolution(tif: TiffFile, found: dict[str, Any], *, is_imagej: bool) -> None:
    """Record a plain resolution tag; as a rule it is that of a printer, so no size is taken from it."""
    tag = tif.pages.first.tags.get("ResolutionUnit")
    x, y = _per_pixel(tif, "XResolution"), _per_pixel(tif, "YResolution")
    if is_imagej or tag is None or not x or not y or tag.value not in (RESUNIT.INCH, RESUNIT.CENTIMETER):
        return
    found["resolution"] = f"{1 / y:g} x {1 / x:g} per {tag.value.name.lower()} (a print resolution: no voxel size)"


def _tags(tif: TiffFile, found: dict[str, Any]) -> None:
    """Read who made the image, when and how."""
    tags = tif.pages.first.tags
    for key, name in (("software", "Software"), ("date", "DateTime")):
        text = str(tags[name].value).strip() if name in tags else ""
        if text:
            found.setdefault(key, text)
    maker = " ".join(str(tags[name].value).strip() for name in ("Make", "Model") if name in tags)
    if maker:
        found.setdefault("instrument", maker)
    if tif.is_sem:
        _zeiss(tif.sem_metadata or {}, found)
    if tif.is_fei:
        _fei(tif.fei_metadata or {}, found)


def _zeiss(sem: dict[str, Any], found: dict[str, Any]) -> None:
    def value(key: str) -> Any:
        entry = sem.get(key)
        return entry[1] if isinstance(entry, tuple) and len(entry) > 1 else None

    found["instrument"] = " ".join(str(v) for v in ("Zeiss", value("sv_serial_number")) if v)
    if value("ap_actualkv"):
        found["energy_kV"] = value("ap_actualkv")
    if value("ap_date"):
        found["date"] = " ".join(str(v) for v in (value("ap_date"), value("ap_time")) if v)
    entry = sem.get("ap_image_pixel_size") or sem.get("ap_pixel_size")
    if isinstance(entry, tuple) and len(entry) > 2:
        _pixel_size(_number(entry[1]), _number(entry[1]), str(entry[2]), found)


def _fei(fei: dict[str, Any], found: dict[str, Any]) -> None:
    system, scan, user = fei.get("System", {}), fei.get("Scan", {}), fei.get("User", {})
    found["instrument"] = " ".join(str(v) for v in ("FEI", system.get("SystemType"), system.get("Dnumber")) if v)
    volts = fei.get("Beam", {}).get("HV") or fei.get("EBeam", {}).get("HV")
    if volts:
        found["energy_kV"] = float(volts) / 1000
    if user.get("Date"):
        found["date"] = " ".join(str(v) for v in (user["Date"], user.get("Time")) if v)
    width, height = _number(scan.get("PixelWidth")), _number(scan.get("PixelHeight"))
    _pixel_size(height, width, "m", found)
