"""What is in the pores: distances, pore sizes, mercury intrusion, and the measures of phases and particles.

Everything is loaded when first used, so that ``import porosity`` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from porosity.boolean_model import BooleanModel
    from porosity.chords import AxisChords, ChordLengths, measure_chords
    from porosity.distance import DistanceMap, map_distances
    from porosity.fractions import PhaseFractions, phase_fractions
    from porosity.intrusion import FaceIntrusions, Intrusion, mip, mip_from_each_face
    from porosity.particle_sizes import SizeDistribution, distribute_sizes
    from porosity.particles import Particles, measure_particles
    from porosity.pore_size import PoreSizeDistribution, local_thickness, pore_size_distribution
    from porosity.representative_volume import RepresentativeVolume, study_representative_volume
    from porosity.size_curve import SizeCurve
    from porosity.surface import SurfaceArea, measure_surface
    from porosity.topology import ConnectedComponents, EulerNumber, connect_components, count_euler
    from porosity.transport import AxisTransport, Transport, measure_transport
    from porosity.two_point import TwoPointProbability, correlate_phase

_MODULES = {
    "AxisChords": "chords",
    "AxisTransport": "transport",
    "BooleanModel": "boolean_model",
    "ChordLengths": "chords",
    "ConnectedComponents": "topology",
    "DistanceMap": "distance",
    "EulerNumber": "topology",
    "FaceIntrusions": "intrusion",
    "Intrusion": "intrusion",
    "Particles": "particles",
    "PhaseFractions": "fractions",
    "PoreSizeDistribution": "pore_size",
    "RepresentativeVolume": "representative_volume",
    "SizeCurve": "size_curve",
    "SizeDistribution": "particle_sizes",
    "SurfaceArea": "surface",
    "Transport": "transport",
    "TwoPointProbability": "two_point",
    "connect_components": "topology",
    "correlate_phase": "two_point",
    "count_euler": "topology",
    "distribute_sizes": "particle_sizes",
    "local_thickness": "pore_size",
    "map_distances": "distance",
    "measure_chords": "chords",
    "measure_particles": "particles",
    "measure_surface": "surface",
    "measure_transport": "transport",
    "mip": "intrusion",
    "mip_from_each_face": "intrusion",
    "phase_fractions": "fractions",
    "pore_size_distribution": "pore_size",
    "study_representative_volume": "representative_volume",
}

__all__ = [
    "AxisChords",
    "AxisTransport",
    "BooleanModel",
    "ChordLengths",
    "ConnectedComponents",
    "DistanceMap",
    "EulerNumber",
    "FaceIntrusions",
    "Intrusion",
    "Particles",
    "PhaseFractions",
    "PoreSizeDistribution",
    "RepresentativeVolume",
    "SizeCurve",
    "SizeDistribution",
    "SurfaceArea",
    "Transport",
    "TwoPointProbability",
    "connect_components",
    "correlate_phase",
    "count_euler",
    "distribute_sizes",
    "local_thickness",
    "map_distances",
    "measure_chords",
    "measure_particles",
    "measure_surface",
    "measure_transport",
    "mip",
    "mip_from_each_face",
    "phase_fractions",
    "pore_size_distribution",
    "study_representative_volume",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'porosity' has no attribute {name!r}")
    value = getattr(import_module(f"porosity.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
