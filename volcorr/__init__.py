"""Digital volume correlation for compression series: two scans in, displacement and strain out."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from volcorr.correlation import correlate
    from volcorr.fields import Status, open_fields, save_fields
    from volcorr.invariants import strain_invariants
    from volcorr.noise import measure_noise
    from volcorr.outliers import flag_outliers
    from volcorr.registration import Registration, register_rigid
    from volcorr.rigid import remove_rigid_motion, remove_rigid_motions
    from volcorr.series import SeriesStopped, correlate_series, incremental
    from volcorr.smoothing import smooth_displacement
    from volcorr.steps import map_steps, open_steps, save_step, select_step
    from volcorr.strain_analysis import analyse_strain
    from volcorr.strains import strain
    from volcorr.subset_study import study_subsets

__all__ = [
    "Registration",
    "SeriesStopped",
    "Status",
    "analyse_strain",
    "correlate",
    "correlate_series",
    "flag_outliers",
    "incremental",
    "map_steps",
    "measure_noise",
    "open_fields",
    "open_steps",
    "register_rigid",
    "remove_rigid_motion",
    "remove_rigid_motions",
    "save_fields",
    "save_step",
    "select_step",
    "smooth_displacement",
    "strain",
    "strain_invariants",
    "study_subsets",
]

_HOMES = {
    "Registration": "volcorr.registration",
    "SeriesStopped": "volcorr.series",
    "Status": "volcorr.fields",
    "analyse_strain": "volcorr.strain_analysis",
    "correlate": "volcorr.correlation",
    "correlate_series": "volcorr.series",
    "flag_outliers": "volcorr.outliers",
    "incremental": "volcorr.series",
    "map_steps": "volcorr.steps",
    "measure_noise": "volcorr.noise",
    "open_fields": "volcorr.fields",
    "open_steps": "volcorr.steps",
    "register_rigid": "volcorr.registration",
    "remove_rigid_motion": "volcorr.rigid",
    "remove_rigid_motions": "volcorr.rigid",
    "save_fields": "volcorr.fields",
    "save_step": "volcorr.steps",
    "select_step": "volcorr.steps",
    "smooth_displacement": "volcorr.smoothing",
    "strain": "volcorr.strains",
    "strain_invariants": "volcorr.invariants",
    "study_subsets": "volcorr.subset_study",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
