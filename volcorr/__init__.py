"""Digital volume correlation for compression series: two scans in, displacement and strain out."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from volcorr.correlation import correlate
    from volcorr.fields import Status, open_fields, save_fields
    from volcorr.rigid import remove_rigid_motion
    from volcorr.strains import strain

__all__ = ["Status", "correlate", "open_fields", "remove_rigid_motion", "save_fields", "strain"]

_HOMES = {
    "Status": "volcorr.fields",
    "correlate": "volcorr.correlation",
    "open_fields": "volcorr.fields",
    "remove_rigid_motion": "volcorr.rigid",
    "save_fields": "volcorr.fields",
    "strain": "volcorr.strains",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
