"""Figures of displacement, strain and correlation fields.

Every figure is a `matplotlib.figure.Figure` on the Agg canvas: no display and no global state is used.

>>> from viewers import draw_strain, save_figure                      # doctest: +SKIP
>>> save_figure(draw_strain(fields, reference), "strain_e_zz.png")    # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from viewers.arrows import draw_displacement_arrows
    from viewers.figures import draw_figures
    from viewers.maps import draw_correlation, draw_displacement, draw_status, draw_strain, draw_strain_components
    from viewers.particle_figures import draw_particle_figures, draw_particle_sizes, draw_particles
    from viewers.phase_figures import (
        draw_fraction_figures,
        draw_fraction_profiles,
        draw_fraction_steps,
        draw_segmentation,
        draw_segmentation_figures,
        draw_segmentation_steps,
    )
    from viewers.pore_figures import draw_pore_figures, draw_pore_sizes, draw_pore_steps, draw_thickness
    from viewers.profiles import draw_correlation_histogram, draw_strain_profile
    from viewers.quality_figures import draw_quality
    from viewers.recon_figures import draw_preview
    from viewers.sections import cut_sections
    from viewers.steps import draw_series_curves, draw_series_maps
    from viewers.style import save_figure
    from viewers.subset_figure import draw_subset_study

__all__ = [
    "cut_sections",
    "draw_correlation",
    "draw_correlation_histogram",
    "draw_displacement",
    "draw_displacement_arrows",
    "draw_figures",
    "draw_fraction_figures",
    "draw_fraction_profiles",
    "draw_fraction_steps",
    "draw_particle_figures",
    "draw_particle_sizes",
    "draw_particles",
    "draw_pore_figures",
    "draw_pore_sizes",
    "draw_pore_steps",
    "draw_preview",
    "draw_quality",
    "draw_segmentation",
    "draw_segmentation_figures",
    "draw_segmentation_steps",
    "draw_series_curves",
    "draw_series_maps",
    "draw_status",
    "draw_strain",
    "draw_strain_components",
    "draw_strain_profile",
    "draw_subset_study",
    "draw_thickness",
    "save_figure",
]

_MODULES = {
    "cut_sections": "sections",
    "draw_correlation": "maps",
    "draw_correlation_histogram": "profiles",
    "draw_displacement": "maps",
    "draw_displacement_arrows": "arrows",
    "draw_figures": "figures",
    "draw_fraction_figures": "phase_figures",
    "draw_fraction_profiles": "phase_figures",
    "draw_fraction_steps": "phase_figures",
    "draw_particle_figures": "particle_figures",
    "draw_particle_sizes": "particle_figures",
    "draw_particles": "particle_figures",
    "draw_pore_figures": "pore_figures",
    "draw_pore_sizes": "pore_figures",
    "draw_pore_steps": "pore_figures",
    "draw_preview": "recon_figures",
    "draw_quality": "quality_figures",
    "draw_segmentation": "phase_figures",
    "draw_segmentation_figures": "phase_figures",
    "draw_segmentation_steps": "phase_figures",
    "draw_series_curves": "steps",
    "draw_series_maps": "steps",
    "draw_status": "maps",
    "draw_strain": "maps",
    "draw_strain_components": "maps",
    "draw_strain_profile": "profiles",
    "draw_subset_study": "subset_figure",
    "draw_thickness": "pore_figures",
    "save_figure": "style",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"viewers.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'viewers' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
