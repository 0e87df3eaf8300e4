"""What came out of a segmentation of files: fractions with their bands, thresholds, and text."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from segmentation import Histogram, PixelClassifier, ThresholdSweep
    from volio import Volume

__all__ = ["SegmentationStudy", "SegmentedVolume", "format_segmentation"]


@dataclass(frozen=True, eq=False, kw_only=True)
class SegmentedVolume:
    """One volume that was segmented.

    Attributes
    ----------
    name : str
        Name of the volume.
    file : str
        File of its labels, in the result folder.
    grey, labels : Volume
        The slice in the middle, shape (1, y, x): as it was read, and its labels.
    histogram : Histogram
        Of the grey values that were segmented: after filters.
    segmentation : dict
        What the labels state about how they were made: method, thresholds and their band.
    cleanup : tuple of dict
        What was tidied up.
    counts : dict of int to int
        Voxels of each phase.
    sweep : ThresholdSweep or None
        Fractions and mean pore radius over the band of the threshold, where they were asked for.
    """

    name: str
    file: str
    grey: "Volume"
    labels: "Volume"
    histogram: "Histogram"
    segmentation: dict[str, Any]
    cleanup: tuple[dict[str, Any], ...]
    counts: dict[int, int]
    sweep: "ThresholdSweep | None"

    @property
    def fractions(self) -> dict[int, float]:
        """Fraction of each phase in the labels as written."""
        total = sum(self.counts.values())
        return {phase: count / total for phase, count in self.counts.items()}

    @property
    def thresholds(self) -> list[float]:
        """Grey values that part the phases; none where they were told apart in another way."""
        return list(self.segmentation.get("thresholds", ()))

    def bands(self) -> dict[int, tuple[float, float]]:
        """Lowest and highest fraction by phase while the thresholds move in the valley; empty without a valley."""
        if "fractions_low" not in self.segmentation:
            return {}
        return dict(
            enumerate(zip(self.segmentation["fractions_low"], self.segmentation["fractions_high"], strict=True))
        )

    def as_dict(self) -> dict[str, Any]:
        """Return all numbers."""
        bands = self.bands()
        phases = {
            str(phase): {
                "voxels": self.counts[phase],
                "fraction": fraction,
                "band_low": bands[phase][0] if phase in bands else None,
                "band_high": bands[phase][1] if phase in bands else None,
            }
            for phase, fraction in self.fractions.items()
        }
        found: dict[str, Any] = {"labels": self.file, "phases": phases, "segmentation": self.segmentation}
        if self.cleanup:
            found["cleanup"] = list(self.cleanup)
        if self.sweep is not None:
            band = self.sweep.band("mean_radius")
            found["mean_radius"] = {"value": band.value, "low": band.low, "high": band.high}
        return found


@dataclass(frozen=True, eq=False)
class SegmentationStudy:
    """The volumes of a run.

    Attributes
    ----------
    volumes : tuple of SegmentedVolume
        In their order.
    classifier : PixelClassifier or None
        What told the phases apart, where that was not thresholds.
    """

    volumes: tuple[SegmentedVolume, ...]
    classifier: "PixelClassifier | None"

    @property
    def phases(self) -> tuple[int, ...]:
        """All phases that occur."""
        return tuple(sorted({phase for volume in self.volumes for phase in volume.counts}))

    def table(self) -> "pd.DataFrame":
        """Return a row for each volume and phase: voxels, fraction, band_low, band_high."""
        import pandas as pd

        rows = [
            {"volume": volume.name, "phase": phase, **numbers}
            for volume in self.volumes
            for phase, numbers in volume.as_dict()["phases"].items()
        ]
        return pd.DataFrame(rows).astype({"phase": int, "band_low": float, "band_high": float})

    def sweeps(self) -> "pd.DataFrame":
        """Return a row for each volume and threshold of its sweep."""
        import pandas as pd

        parts = [volume.sweep.table().assign(volume=volume.name) for volume in self.volumes if volume.sweep is not None]
        table = pd.concat(parts, ignore_index=True)
        return table[["volume", *(name for name in table if name != "volume")]]

    def as_dict(self) -> dict[str, Any]:
        """Return all numbers; ``labels`` are the files in the order of the volumes."""
        found: dict[str, Any] = {
            "labels": [volume.file for volume in self.volumes],
            "volumes": {volume.name: volume.as_dict() for volume in self.volumes},
        }
        if self.classifier is not None:
            reports = [
                {name: None if np.isnan(value) else value for name, value in vars(item).items()}
                for item in self.classifier.report
            ]
            found["classifier"] = {"classes": reports, "importance": self.classifier.importance}
        return found


def format_segmentation(study: SegmentationStudy) -> str:
    """Lay a study out as lines of text for a terminal, without a final line break."""
    wide = max(len("volume"), *(len(volume.name) for volume in study.volumes)) + 2
    banded = any(volume.bands() for volume in study.volumes)
    lines = [f"{'volume':<{wide}}{'phase':>6}{'fraction':>10}" + (f"{'by threshold':>20}" if banded else "")]
    for volume in study.volumes:
        bands = volume.bands()
        for phase, fraction in volume.fractions.items():
            band = f"{bands[phase][0]:.4f} to {bands[phase][1]:.4f}" if phase in bands else "-"
            lines.append(f"{volume.name:<{wide}}{phase:>6}{fraction:>10.4f}" + (f"{band:>20}" if banded else ""))
    lines += [line for volume in study.volumes for line in _describe(volume)]
    for item in study.classifier.report if study.classifier is not None else ():
        lines.append(
            f"class {item.label}: {item.samples} samples, recall {item.recall:.3f}, precision {item.precision:.3f}"
        )
    return "\n".join(lines)


def _describe(volume: SegmentedVolume) -> list[str]:
    """Say in one line each by which thresholds, with which pores, and what was tidied up."""
    lines, stated = [], volume.segmentation
    if "threshold_low" in stated:
        parts = [stated[name] for name in ("thresholds", "threshold_low", "threshold_high", "valley_found")]
        limits = ", ".join(
            f"{value:.5g} ({'valley' if found else 'no valley,'} {low:.5g} to {high:.5g})"
            for value, low, high, found in zip(*parts, strict=True)
        )
        lines.append(f"{stated['method']}, threshold {limits}")
    if volume.sweep is not None:
        band = volume.sweep.band("mean_radius")
        unit = "voxels" if volume.grey.voxel_size is None else volume.grey.unit
        lines.append(f"mean pore radius of phase 0 {band.value:.4g} ({band.low:.4g} to {band.high:.4g}) {unit}")
    lines += [f"{item['step'].replace('_', ' ')}, {item['voxels']} voxels" for item in volume.cleanup]
    return [f"{volume.name}: {line}" for line in lines]
