"""Segmentation: a grey volume becomes phases, and it is known how sure that is.

```python
labels = threshold(volume, method="otsu", classes=3)
classifier = PixelClassifier.fit(volume, strokes)
labels = classifier.predict(volume, target="phases.ome.zarr")
```
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segmentation.classifier import PixelClassifier
    from segmentation.cleanup import fill_holes, keep_largest, remove_specks
    from segmentation.contrast import match_contrast, match_series
    from segmentation.features import FeatureSet, compute_feature
    from segmentation.filters import diffuse, sharpen, smooth_gaussian, smooth_median, smooth_nonlocal
    from segmentation.flattening import flatten_background, flatten_beam_hardening
    from segmentation.histogram import Histogram, compute_histogram
    from segmentation.inputs import UNLABELLED
    from segmentation.noise import estimate_noise
    from segmentation.particles import split_particles
    from segmentation.scores import BoundaryDistance, Scores, compare_boundaries, compare_labels
    from segmentation.sweep import Band, ThresholdSweep, threshold_sweep
    from segmentation.thresholding import apply_thresholds, threshold
    from segmentation.training import ClassReport

_MODULES = {
    "Band": "sweep",
    "BoundaryDistance": "scores",
    "ClassReport": "training",
    "FeatureSet": "features",
    "Histogram": "histogram",
    "PixelClassifier": "classifier",
    "Scores": "scores",
    "ThresholdSweep": "sweep",
    "UNLABELLED": "inputs",
    "apply_thresholds": "thresholding",
    "compare_boundaries": "scores",
    "compare_labels": "scores",
    "compute_feature": "features",
    "compute_histogram": "histogram",
    "diffuse": "filters",
    "estimate_noise": "noise",
    "fill_holes": "cleanup",
    "flatten_background": "flattening",
    "flatten_beam_hardening": "flattening",
    "keep_largest": "cleanup",
    "match_contrast": "contrast",
    "match_series": "contrast",
    "remove_specks": "cleanup",
    "sharpen": "filters",
    "smooth_gaussian": "filters",
    "smooth_median": "filters",
    "smooth_nonlocal": "filters",
    "split_particles": "particles",
    "threshold": "thresholding",
    "threshold_sweep": "sweep",
}

__all__ = [
    "UNLABELLED",
    "Band",
    "BoundaryDistance",
    "ClassReport",
    "FeatureSet",
    "Histogram",
    "PixelClassifier",
    "Scores",
    "ThresholdSweep",
    "apply_thresholds",
    "compare_boundaries",
    "compare_labels",
    "compute_feature",
    "compute_histogram",
    "diffuse",
    "estimate_noise",
    "fill_holes",
    "flatten_background",
    "flatten_beam_hardening",
    "keep_largest",
    "match_contrast",
    "match_series",
    "remove_specks",
    "sharpen",
    "smooth_gaussian",
    "smooth_median",
    "smooth_nonlocal",
    "split_particles",
    "threshold",
    "threshold_sweep",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'segmentation' has no attribute {name!r}")
    value = getattr(import_module(f"segmentation.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
