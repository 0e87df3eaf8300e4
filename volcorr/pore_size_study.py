"""What was measured of the pore sizes of one volume, or of the steps of a series: numbers, curves, and text."""

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from porosity.flood import FACES

if TYPE_CHECKING:
    import pandas as pd

    from porosity import Intrusion, PoreSizeDistribution, SizeCurve
    from volio import Volume

__all__ = ["INLETS", "PoreSizeStudy", "PoreStep", "format_pore_sizes"]

#: Where mercury may come from: all faces at once, each by itself, or one.
INLETS: Final = ("all", "each", *FACES)


@dataclass(frozen=True, eq=False)
class PoreStep:
    """The pore sizes of one volume.

    Attributes
    ----------
    name : str
        Name of the volume.
    sizes : PoreSizeDistribution
        The continuous pore size distribution.
    intrusions : dict of str to Intrusion
        Simulated mercury intrusion, by inlet; empty where it was not asked for.
    thickness : Volume or None
        The slice in the middle of the map of local thickness, shape (1, y, x), where it was asked for.
    """

    name: str
    sizes: "PoreSizeDistribution"
    intrusions: "dict[str, Intrusion]"
    thickness: "Volume | None"

    @property
    def curves(self) -> "dict[str, SizeCurve]":
        """All curves by name: "pores", and "intrusion" with its inlet."""
        return {"pores": self.sizes, **{f"intrusion {inlet}": one for inlet, one in self.intrusions.items()}}

    def as_dict(self) -> dict[str, Any]:
        """Return all numbers, lengths in the unit of the volume."""
        sizes = self.sizes
        found: dict[str, Any] = {
            "unit": sizes.unit,
            "porosity": sizes.porosity,
            "volume": sizes.volume,
            **_radii(sizes),
            "r_max": float(sizes.radius[-1]),
            "resolution": sizes.resolution,
            "interior": None if sizes.interior is None else _radii(sizes.interior),
        }
        if not self.intrusions:
            return found
        entered = list(self.intrusions.values())
        middle = statistics.fmean(one.r50 for one in entered)
        found["intrusion"] = {
            "inlet": "each" if len(entered) > 1 else entered[0].inlet,
            "r50": middle,
            "r50_spread": statistics.stdev(one.r50 for one in entered) if len(entered) > 1 else None,
            "breakthrough": entered[0].breakthrough,
            "intruded": statistics.fmean(one.intruded for one in entered),
            "constrictivity": (middle / sizes.r50) ** 2 if sizes.r50 > 0 else None,
            "notes": list(entered[0].notes),
        }
        return found


@dataclass(frozen=True, eq=False)
class PoreSizeStudy:
    """The pore sizes of the volumes of a run.

    Attributes
    ----------
    steps : tuple of PoreStep
        In the order of the volumes.
    phases : tuple of int
        Labels of the pores.
    solid : bool
        Whether the thickness of everything else was measured.
    """

    steps: tuple[PoreStep, ...]
    phases: tuple[int, ...]
    solid: bool

    @property
    def unit(self) -> str:
        """Unit of length."""
        return self.steps[0].sizes.unit

    def as_dict(self) -> dict[str, Any]:
        """Return all numbers by the name of the volume."""
        return {"volumes": {step.name: step.as_dict() for step in self.steps}}

    def table(self) -> "pd.DataFrame":
        """Return a row a volume; "interior" leaves out a margin, "breakthrough" is by axis."""
        import pandas as pd

        rows = []
        for step in self.steps:
            found = step.as_dict()
            row = {name: found[name] for name in ("porosity", "mean_radius", "r10", "r50", "r90", "r_max")}
            inner = found["interior"] or {}
            row |= {f"interior_{name}": inner.get(name, np.nan) for name in ("mean_radius", "r50")}
            if "intrusion" in found:
                entered = found["intrusion"]
                row |= {f"intrusion_{name}": entered[name] for name in ("r50", "r50_spread", "intruded")}
                row |= {f"breakthrough_{axis}": radius for axis, radius in entered["breakthrough"].items()}
                row["constrictivity"] = entered["constrictivity"]
            rows.append(row | {"unit": found["unit"]})
        return pd.DataFrame(rows, index=pd.Index([step.name for step in self.steps], name="volume"))

    def cumulative(self) -> "pd.DataFrame":
        """Return the cumulative curves: share of the pore volume of at least a radius, with the band of half a voxel.

        Columns are volume, curve, radius, share, share_low, share_high.
        """
        import pandas as pd

        parts = []
        for step in self.steps:
            for name, curve in step.curves.items():
                low, high = curve.band
                columns = {"radius": curve.radius, "share": curve.cumulative, "share_low": low, "share_high": high}
                parts.append(pd.DataFrame({"volume": step.name, "curve": name} | columns))
        return pd.concat(parts, ignore_index=True)

    def density(self) -> "pd.DataFrame":
        """Return the densities in bins of a voxel: share of the pore volume per length.

        Columns are volume, curve, radius (of the middle of the bin), density.
        """
        import pandas as pd

        parts = []
        for step in self.steps:
            for name, curve in step.curves.items():
                radius, density = curve.density()
                columns = {"radius": radius, "density": density}
                parts.append(pd.DataFrame({"volume": step.name, "curve": name} | columns))
        return pd.concat(parts, ignore_index=True)


def format_pore_sizes(study: PoreSizeStudy) -> str:
    """Lay a study out as lines of text for a terminal, without a final line break."""
    unit = "voxels" if study.unit == "voxel" else study.unit
    wide = max(len("volume"), *(len(step.name) for step in study.steps)) + 2
    measured = "solid" if study.solid else "porosity"
    lines = [
        f"{'volume':<{wide}}" + "".join(f"{head:>10}" for head in (measured, "mean r", "r10", "r50", "r90", "inside"))
    ]
    entered = bool(study.steps[0].intrusions)
    if entered:
        heads = ("MIP r50", "through z", "y", "x", "constr.")
        lines[0] += "".join(f"{head:>10}" for head in heads)
    for step in study.steps:
        found = step.as_dict()
        inner = found["interior"]["mean_radius"] if found["interior"] else None
        cells = [f"{found['porosity']:.4f}"]
        cells += [_show(value) for value in (found["mean_radius"], found["r10"], found["r50"], found["r90"], inner)]
        if entered:
            mercury = found["intrusion"]
            values = (mercury["r50"], *mercury["breakthrough"].values(), mercury["constrictivity"])
            cells += [_show(value) for value in values]
        lines.append(f"{step.name:<{wide}}" + "".join(f"{cell:>10}" for cell in cells))
    half = study.steps[0].sizes.resolution
    lines += ["", f"radii in {unit}, each within {half:.3g} (half a voxel); inside: mean r without a margin"]
    notes = dict.fromkeys(note for step in study.steps for one in step.intrusions.values() for note in one.notes)
    return "\n".join([*lines, *notes])


def _radii(curve: "SizeCurve") -> dict[str, float]:
    return {name: float(getattr(curve, name)) for name in ("mean_radius", "r10", "r50", "r90")}


def _show(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
