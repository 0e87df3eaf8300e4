"""A reconstruction, and the plan of one, as lines of text for a terminal."""

import math
from typing import TYPE_CHECKING

from volcorr.dvc_plan import show_bytes, show_time
from volcorr.summary import join_times, wrap_row

if TYPE_CHECKING:
    from recon.planning import ReconPlan
    from recon.run_summary import ReconSummary

__all__ = ["format_recon_plan", "format_recon_summary"]


def format_recon_summary(summary: "ReconSummary") -> str:
    """Lay a summary out as lines of text for a terminal, without a final line break."""
    size = "" if summary.voxel_size is None else f" of {summary.voxel_size:.6g} {summary.unit}"
    tilt = f", tilted by {math.degrees(summary.tilt):.3f} degrees" if summary.tilt else ""
    shifts = "none undone" if summary.largest_shift is None else f"up to {summary.largest_shift:.2f} pixels, undone"
    rate = f"{summary.slices_per_second:.1f} slices/s" if summary.slices_per_second else "no slice was left to make"
    earlier = f"; {summary.earlier} slices were made by an earlier run" if summary.earlier else ""
    peak = "" if summary.peak_memory is None else f", {show_bytes(summary.peak_memory)} of memory at most"
    stages = ", ".join(f"{name} {show_time(value)}" for name, value in summary.seconds.items() if name != "total")
    rows = [
        ("volume", f"{join_times(summary.shape)} voxels{size}, attenuation in {summary.value_unit}"),
        ("projections", f"{summary.projections} over {summary.angular_range:.6g} degrees"),
        ("axis", f"column {summary.center:.2f}{tilt}: {summary.confidence}"),
        ("shifts", shifts),
        ("rings", "not removed" if summary.rings == "none" else f"removed by {summary.rings}"),
        ("speed", f"{rate}{peak}{earlier}"),
        ("time", f"{show_time(summary.seconds['total'])}: {stages}"),
    ]
    if summary.quality is not None:
        finest = "not measurable" if summary.resolution is None else f"{summary.resolution:.4g} {_voxel(summary)}"
        rows.append(("quality", f"half-bit resolution {finest}; report in {summary.quality}"))
    rows += [("note", note) for note in summary.notes]
    return "\n".join(line for label, text in rows for line in wrap_row(label, text))


def _voxel(summary: "ReconSummary") -> str:
    """Return the unit of the resolution."""
    return "voxels" if summary.voxel_size is None else summary.unit


def format_recon_plan(plan: "ReconPlan") -> str:
    """Lay a plan out as lines of text for a terminal, without a final line break."""
    count, height, width = plan.scan_shape
    size = "" if plan.voxel_size is None else f" of {plan.voxel_size:.6g} {plan.unit}"
    threads = f"{plan.threads} thread{'' if plan.threads == 1 else 's'}"
    where = threads if plan.executor in ("threads", "serial") else f"{plan.executor}"
    stages = ", ".join(f"{stage} {show_time(value)}" for stage, value in plan.seconds.items())
    files = ", ".join(f"{kind} {show_bytes(value)}" for kind, value in plan.disk.items() if value)
    rows = [
        ("scan", f"{count} projections of {height} x {width} {plan.dtype} over {plan.angular_range:.6g} degrees"),
        ("volume", f"{join_times(plan.volume_shape)} voxels{size}"),
        ("slabs", f"{plan.slabs} of at most {plan.depth} slices, {plan.at_once} at a time, on {where}"),
        ("memory", f"{show_bytes(plan.memory)}; a slab {show_bytes(plan.memory_per_slab)}"),
        ("disk", f"{show_bytes(plan.total_disk)} of {show_bytes(plan.disk_free)} free: {files}"),
        ("speed", f"{plan.slices_per_second:.1f} slices/s in the trial"),
        ("time", f"{show_time(plan.total_seconds)}: {stages}"),
        *(("assumed", line) for line in plan.assumptions),
        *(("warning", line) for line in plan.warnings),
    ]
    return "\n".join(line for label, text in rows for line in wrap_row(label, text))
