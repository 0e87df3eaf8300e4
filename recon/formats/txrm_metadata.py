"""What an Xradia file knows of its scan besides images, angles and shifts."""

from typing import Any

import numpy as np

from recon.formats.ole import OleStreams
from recon.geometry import ScanGeometry

__all__ = ["read_metadata"]

_CONE, _PARALLEL = 1, 2
#: What stands for a distance that nobody set.
_NO_DISTANCE = (0.0, 1.0)
#: Energies above this are eV, below keV.
_LARGEST_KEV = 250.0

_REALS = {
    "voltage_kv": "Voltage",
    "optical_magnification": "OpticalMagnification",
    "xray_magnification": "XrayMagnification",
}
_INTEGERS = {"binning": "HorizontalBin", "camera_binning": "CameraBinning", "images_averaged": "NoOfImagesAveraged"}
_WORDS = {"camera": "CameraName", "objective": "ObjectiveName", "zone_plate": "ZonePlateName"}
_PER_IMAGE = {
    "exposure_s": "ExpTimes",
    "sample_x": "XPosition",
    "sample_y": "YPosition",
    "sample_z": "ZPosition",
    "ion_chamber_current": "IonChamberCurrent",
}
_CAUSES = {
    "encoder": "EncoderShiftsApplied",
    "metrology": "MetrologyShiftsApplied",
    "reference": "ReferenceShiftsApplied",
    "stage": "StageShiftsApplied",
    "static runout": "StaticRunoutApplied",
}


def read_metadata(ole: OleStreams, number: int, notes: list[str]) -> dict[str, Any]:
    """Return what else the file states of its `number` images.

    Returns
    -------
    dict
        "energy_kev", "exposure_s" (medians), "voltage_kv", magnifications, "camera", "date"; "geometry" (see
        `recon.ScanGeometry`); "center_shift" (pixels); "shift_causes"; "per_projection" with exposures and positions
        of the stage. What the file does not state is not in it.
    """
    lists = {key: _per_image(ole, name, number) for key, name in _PER_IMAGE.items()}
    known: dict[str, Any] = {
        "energy_kev": _energy(ole, number),
        "exposure_s": _median(lists["exposure_s"]),
        **{key: ole.real(f"ImageInfo/{name}") or None for key, name in _REALS.items()},
        **{key: ole.integer(f"ImageInfo/{name}") for key, name in _INTEGERS.items()},
        **{key: next(iter(ole.words(f"ImageInfo/{name}")), None) for key, name in _WORDS.items()},
        "date": _date(ole),
        "geometry": _geometry(ole),
        "center_shift": ole.real("AutoRecon/CenterShift") or ole.real("ReconSettings/CenterShift"),
        "shift_causes": [cause for cause, name in _CAUSES.items() if ole.integer(f"Alignment/{name}") == 1],
        "per_projection": {key: values for key, values in lists.items() if values},
    }
    exposures = lists["exposure_s"]
    if exposures and max(exposures) > 1.01 * min(exposures):
        notes.append(
            f"projections were exposed for {min(exposures):g} to {max(exposures):g} s, the flats hold for the median"
        )
    return {key: value for key, value in known.items() if value not in (None, "", [], {})}


def _per_image(ole: OleStreams, name: str, number: int) -> list[float]:
    """Return one number an image, or none where the file has too few or they are not finite."""
    values = ole.floats(f"ImageInfo/{name}")[:number]
    return values.tolist() if values.size == number and np.all(np.isfinite(values)) else []


def _median(values: list[float]) -> float | None:
    return float(np.median(values)) if values and min(values) > 0 else None


def _energy(ole: OleStreams, number: int) -> float | None:
    """Return the photon energy in keV: the file holds more entries than images, and zeros among them."""
    values = ole.floats("ImageInfo/Energy")[:number]
    values = values[np.isfinite(values) & (values > 0)]
    if not values.size:
        return None
    energy = float(np.median(values))
    return energy / 1000 if energy > _LARGEST_KEV else energy


def _date(ole: OleStreams) -> str | None:
    """Return when the first image was taken, as the instrument writes it (month/day/year)."""
    number = ole.integer("ImageInfo/NoOfImages") or 1
    return next((date for date in ole.words("ImageInfo/Date", number) if date), None)


def _geometry(ole: OleStreams) -> dict[str, Any]:
    """Return beam and distances; zone plates, and the flag of the file, say parallel."""
    source, detector = (ole.real(f"ImageInfo/{part}RADistance") for part in ("Sto", "Dto"))
    distances = [None if d is None or abs(d) in _NO_DISTANCE else abs(d) for d in (source, detector)]
    flag = ole.integer("ImageInfo/XrayGeometry")
    if flag == _CONE:
        geometry = ScanGeometry("cone", *distances)
    elif flag == _PARALLEL or ole.exists("ConfigureBackup/ConfigCamera/Camera 1/ConfigZonePlates"):
        geometry = ScanGeometry("parallel", *distances)
    else:
        # laboratory scanners without a flag: a source nearby is a cone beam
        geometry = ScanGeometry("cone" if distances[0] is not None else "not stated", *distances)
    return {key: value for key, value in vars(geometry).items() if value is not None}
