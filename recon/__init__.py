"""From projections to a volume: scans of nano-CT and lab CT are read, corrected and reconstructed.

Everything is loaded when first used, so that ``import recon`` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recon.alignment import ProjectionAlignment, align_projections
    from recon.axis import AxisTilt, find_axis, fit_axis_tilt
    from recon.axis_estimate import AxisCandidate, AxisEstimate
    from recon.axis_moments import find_axis_by_moments
    from recon.axis_pairs import find_axis_by_pairs
    from recon.axis_sharpness import CandidateSlices, find_axis_by_sharpness, reconstruct_candidates
    from recon.axis_wedge import find_axis_by_wedge
    from recon.corrections import Corrected, LineIntegrals, bin_pixels, correct, measure_beam, take_log
    from recon.dead_pixels import find_dead_pixels, replace_dead_pixels
    from recon.decisions import Decisions, decide
    from recon.description import ScanInfo, describe_scan
    from recon.filters import filter_response
    from recon.flat_field import FlatField, assume_flat_field, estimate_flat_field
    from recon.geometry import ScanGeometry
    from recon.held_out import HeldOutChoice
    from recon.phase import retrieve_phase, wavelength
    from recon.planning import ReconPlan, plan_recon
    from recon.preview import Preview, make_preview
    from recon.projectors import Projector, make_projector
    from recon.quality import ScanQuality, VolumeQuality, compare_halves, measure_quality
    from recon.reading import is_scan, read_scan
    from recon.reconstruction import reconstruct
    from recon.regularized_stripes import remove_stripes_by_regularization
    from recon.rings import remove_rings
    from recon.run import run_recon
    from recon.run_summary import ReconSummary
    from recon.scan import Scan
    from recon.scan_correction import correct_scan
    from recon.settings import ReconSettings
    from recon.sirt import SirtResult, choose_iterations, run_sirt
    from recon.slice_plan import SlicePlan, plan_slices
    from recon.sorted_stripes import (
        remove_all_stripes,
        remove_dead_stripes,
        remove_large_stripes,
        remove_stripes_by_filtering,
        remove_stripes_by_sorting,
    )
    from recon.total_variation import TotalVariationResult, minimize_total_variation
    from recon.truncation import specimen_radius
    from recon.wavelet_stripes import remove_stripes_by_wavelets
    from recon.weight_choice import choose_weight
    from recon.writing import write_scan
    from recon.zingers import CleanedProjections, remove_zingers

_MODULES = {
    "AxisCandidate": "axis_estimate",
    "AxisEstimate": "axis_estimate",
    "AxisTilt": "axis",
    "CandidateSlices": "axis_sharpness",
    "CleanedProjections": "zingers",
    "Corrected": "corrections",
    "Decisions": "decisions",
    "FlatField": "flat_field",
    "HeldOutChoice": "held_out",
    "LineIntegrals": "corrections",
    "Preview": "preview",
    "ProjectionAlignment": "alignment",
    "Projector": "projectors",
    "ReconPlan": "planning",
    "ReconSettings": "settings",
    "ReconSummary": "run_summary",
    "Scan": "scan",
    "ScanGeometry": "geometry",
    "ScanInfo": "description",
    "ScanQuality": "quality",
    "SirtResult": "sirt",
    "SlicePlan": "slice_plan",
    "TotalVariationResult": "total_variation",
    "VolumeQuality": "quality",
    "align_projections": "alignment",
    "assume_flat_field": "flat_field",
    "bin_pixels": "corrections",
    "choose_iterations": "sirt",
    "choose_weight": "weight_choice",
    "compare_halves": "quality",
    "correct": "corrections",
    "correct_scan": "scan_correction",
    "decide": "decisions",
    "describe_scan": "description",
    "estimate_flat_field": "flat_field",
    "filter_response": "filters",
    "find_axis": "axis",
    "find_axis_by_moments": "axis_moments",
    "find_axis_by_pairs": "axis_pairs",
    "find_axis_by_sharpness": "axis_sharpness",
    "find_axis_by_wedge": "axis_wedge",
    "find_dead_pixels": "dead_pixels",
    "fit_axis_tilt": "axis",
    "is_scan": "reading",
    "make_preview": "preview",
    "make_projector": "projectors",
    "measure_beam": "corrections",
    "measure_quality": "quality",
    "minimize_total_variation": "total_variation",
    "plan_recon": "planning",
    "plan_slices": "slice_plan",
    "read_scan": "reading",
    "reconstruct": "reconstruction",
    "reconstruct_candidates": "axis_sharpness",
    "remove_all_stripes": "sorted_stripes",
    "remove_dead_stripes": "sorted_stripes",
    "remove_large_stripes": "sorted_stripes",
    "remove_rings": "rings",
    "remove_stripes_by_filtering": "sorted_stripes",
    "remove_stripes_by_regularization": "regularized_stripes",
    "remove_stripes_by_sorting": "sorted_stripes",
    "remove_stripes_by_wavelets": "wavelet_stripes",
    "remove_zingers": "zingers",
    "replace_dead_pixels": "dead_pixels",
    "retrieve_phase": "phase",
    "run_recon": "run",
    "run_sirt": "sirt",
    "specimen_radius": "truncation",
    "take_log": "corrections",
    "wavelength": "phase",
    "write_scan": "writing",
}

__all__ = [
    "AxisCandidate",
    "AxisEstimate",
    "AxisTilt",
    "CandidateSlices",
    "CleanedProjections",
    "Corrected",
    "Decisions",
    "FlatField",
    "HeldOutChoice",
    "LineIntegrals",
    "Preview",
    "ProjectionAlignment",
    "Projector",
    "ReconPlan",
    "ReconSettings",
    "ReconSummary",
    "Scan",
    "ScanGeometry",
    "ScanInfo",
    "ScanQuality",
    "SirtResult",
    "SlicePlan",
    "TotalVariationResult",
    "VolumeQuality",
    "align_projections",
    "assume_flat_field",
    "bin_pixels",
    "choose_iterations",
    "choose_weight",
    "compare_halves",
    "correct",
    "correct_scan",
    "decide",
    "describe_scan",
    "estimate_flat_field",
    "filter_response",
    "find_axis",
    "find_axis_by_moments",
    "find_axis_by_pairs",
    "find_axis_by_sharpness",
    "find_axis_by_wedge",
    "find_dead_pixels",
    "fit_axis_tilt",
    "is_scan",
    "make_preview",
    "make_projector",
    "measure_beam",
    "measure_quality",
    "minimize_total_variation",
    "plan_recon",
    "plan_slices",
    "read_scan",
    "reconstruct",
    "reconstruct_candidates",
    "remove_all_stripes",
    "remove_dead_stripes",
    "remove_large_stripes",
    "remove_rings",
    "remove_stripes_by_filtering",
    "remove_stripes_by_regularization",
    "remove_stripes_by_sorting",
    "remove_stripes_by_wavelets",
    "remove_zingers",
    "replace_dead_pixels",
    "retrieve_phase",
    "run_recon",
    "run_sirt",
    "specimen_radius",
    "take_log",
    "wavelength",
    "write_scan",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'recon' has no attribute {name!r}")
    value = getattr(import_module(f"recon.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
