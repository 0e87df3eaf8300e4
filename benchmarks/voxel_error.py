"""What voxels do to a radius: pores of known form and radius at random positions, measured and held against the truth.

Spheres, cylinders and slits are measured as pores, a bottle by the neck that mercury has to pass, and a Boolean model
of spheres by its erosion: the distance of the pores to the nearest sphere.
"""

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.pictures import draw_curves

#: Form, and what is measured of it.
FORMS = {
    "sphere": "r50",
    "cylinder": "r50",
    "slit": "r50",
    "bottle": "break-through radius of its neck",
    "Boolean model": "distance to the wall",
}
RADII = (3.0, 4.0, 5.0, 6.5, 8.0, 10.0, 12.0, 16.0)


def measure_voxels(*, quick: bool) -> list[dict[str, Any]]:
    """Measure each form at random radii and positions, with and without grey values where those help."""
    rng = np.random.default_rng(2)
    results = []
    for form, what in FORMS.items():
        for radius in RADII[::2] if quick else RADII:
            found = [_measure(form, radius + rng.uniform(-0.5, 0.5), rng) for _ in range(6 if quick else 16)]
            errors, mended = (np.array(part, float) for part in zip(*found, strict=True))
            one = {"form": form, "what": what, "radius": radius}
            one |= {"error": errors.mean(), "scatter": errors.std(ddof=1)}
            if np.isfinite(mended).all():
                one |= {"mended": mended.mean(), "mended_scatter": mended.std(ddof=1)}
            results.append(one)
    return results


def _measure(form: str, radius: float, rng: np.random.Generator) -> tuple[float, float]:
    """Return how far a radius is off: from segmented voxels, and with grey values (NaN where there is no such way)."""
    from porosity import map_distances, mip, pore_size_distribution

    if form == "Boolean model":
        depth = boolean_distance(radius, rng)
        found = map_distances(depth > 0, voxel_size=1.0).distances()
        margin = int(radius) + 3  # nearer to a face the nearest sphere may lie outside
        inner = (slice(margin, -margin),) * 3
        near = np.abs(depth[inner] - radius) < 0.5
        return float((found[inner] - depth[inner])[near].mean()), np.nan
    depth = inside_depth(form, radius, rng)
    if form == "bottle":
        return mip(depth > 0, voxel_size=1.0).breakthrough["z"] - radius, np.nan
    grey = np.clip(0.5 - depth, 0, 1)  # the share of solid of a voxel, nearly
    sizes = pore_size_distribution(depth > 0, voxel_size=1.0, grey=grey, threshold=0.5)
    return sizes.r50 - radius, sizes.sub_voxel.r50 - radius


def inside_depth(form: str, radius: float, rng: np.random.Generator) -> np.ndarray:
    """Return how deep each voxel is inside a pore of known form (z, y, x), negative outside."""
    length, edge = (int(8 * radius) if form == "bottle" else int(2 * radius) + 9), int(2 * radius) + 9
    if form == "bottle":
        edge = int(4 * radius) + 9
    shape = np.array((length, edge, edge))
    middle = (shape - 1) / 2 + rng.uniform(-0.5, 0.5, 3)
    z, y, x = (a - m for a, m in zip(np.meshgrid(*map(np.arange, shape), indexing="ij"), middle, strict=True))
    across = np.sqrt(y**2 + x**2)
    if form == "sphere":
        return radius - np.sqrt(z**2 + across**2)
    if form == "cylinder":
        return radius - across
    if form == "slit":
        return radius - np.abs(z)
    # a neck between two chambers of twice the radius, which are open at the faces
    chambers = [2 * radius - np.sqrt((z - side * 3.5 * radius) ** 2 + across**2) for side in (-1, 1)]
    return np.maximum(radius - across, np.maximum(*chambers))


def boolean_distance(radius: float, rng: np.random.Generator) -> np.ndarray:
    """Return how far each voxel is from the nearest of random spheres of twice the radius, negative inside."""
    from scipy.spatial import cKDTree

    edge, size = int(7 * radius) + 16, 2 * radius
    reach = 3 * radius + 1
    span = edge + 2 * reach
    count = rng.poisson(-np.log(0.7) / (4 / 3 * np.pi * size**3) * span**3)
    centres = rng.uniform(-reach, edge + reach, (max(count, 1), 3))
    places = np.indices((edge,) * 3).reshape(3, -1).T
    return (cKDTree(centres).query(places)[0] - size).reshape((edge,) * 3)


def draw_voxel_error(results: list[dict[str, Any]], path: Path) -> None:
    """Draw the error of the radius against the radius."""
    panels = []
    for key, title in (("error", "Segmented voxels"), ("mended", "With grey values")):
        curves = {}
        for form in FORMS:
            chosen = [one for one in results if one["form"] == form and key in one]
            if chosen:
                spread = [one["scatter" if key == "error" else "mended_scatter"] for one in chosen]
                curves[form] = ([one["radius"] for one in chosen], [one[key] for one in chosen], spread)
        panels.append(
            {
                "curves": curves,
                "title": title,
                "xlabel": "true radius (voxel)",
                "ylabel": "radius is off by (voxel)",
                "ylim": (-1.2, 1.2),
                "level": 0.0,
            }
        )
    lines = ["Radii within half a voxel of those shown, random positions; bands: scatter of one measurement"]
    draw_curves(panels, path, title="What voxels do to a radius", lines=lines)
