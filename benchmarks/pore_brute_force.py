"""Pore sizes and intrusion by brute force, and how many voxels of random volumes differ from it.

The brute force follows the definitions and shares nothing with what it judges: distances are those of SciPy; every ball
is stamped whole, about every pore voxel, none left out; mercury enters pressure by pressure, by a flood fill from the
inlet through all voxels that are wide enough. Only that makes it affordable: a voxel's ball is stamped at the highest
pressure radius at which the fill gets there, since all smaller ones about the same voxel lie in it.
"""

from collections import Counter
from typing import Any

import numpy as np
from scipy import ndimage

from volio.jit import jit

LONGEST = 64


def brute_distances(pores: np.ndarray, edges: tuple[int, ...], *, walls: bool) -> np.ndarray:
    """Return squared distances to the nearest solid voxel; with `walls` what lies outside is solid too."""
    if walls:
        return brute_distances(np.pad(pores, 1), edges, walls=False)[1:-1, 1:-1, 1:-1]
    return np.rint(ndimage.distance_transform_edt(pores, sampling=edges) ** 2).astype(np.int64)


@jit
def stamp_balls(values, weights, out):
    """Raise out (z, y, x), int64, to values[p] at all voxels p + u with |u|^2 < values[p]; all are int64."""
    nz, ny, nx = values.shape
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                value = values[z, y, x]
                if value == 0:
                    continue
                rz = np.int64(np.sqrt(value / weights[0])) + 1
                ry = np.int64(np.sqrt(value / weights[1])) + 1
                rx = np.int64(np.sqrt(value / weights[2])) + 1
                for k in range(max(0, z - rz), min(nz, z + rz + 1)):
                    for j in range(max(0, y - ry), min(ny, y + ry + 1)):
                        for i in range(max(0, x - rx), min(nx, x + rx + 1)):
                            square = weights[0] * (k - z) ** 2 + weights[1] * (j - y) ** 2 + weights[2] * (i - x) ** 2
                            if square < value:
                                out[k, j, i] = max(out[k, j, i], value)


@jit
def fill_from(squared, inlet, levels, entered):
    """Set entered (z, y, x) to the first of the falling `levels` at which the fill from `inlet` gets to a voxel."""
    nz, ny, nx = squared.shape
    stack = np.empty((squared.size + 1, 3), np.int64)
    for level in levels:
        # what is wide enough at the inlet enters; the fill begins there and at all that was entered before
        for z in range(nz):
            for y in range(ny):
                for x in range(nx):
                    if not inlet[z, y, x] or entered[z, y, x] > 0 or squared[z, y, x] < level:
                        continue
                    entered[z, y, x] = level
        count = 0
        for z in range(nz):
            for y in range(ny):
                for x in range(nx):
                    if entered[z, y, x] > 0:
                        stack[count, 0], stack[count, 1], stack[count, 2] = z, y, x
                        count += 1
        while count > 0:
            count -= 1
            z, y, x = stack[count, 0], stack[count, 1], stack[count, 2]
            for k, j, i in ((z - 1, y, x), (z + 1, y, x), (z, y - 1, x), (z, y + 1, x), (z, y, x - 1), (z, y, x + 1)):
                if k < 0 or j < 0 or i < 0 or k >= nz or j >= ny or i >= nx:
                    continue
                if entered[k, j, i] == 0 and squared[k, j, i] >= level:
                    entered[k, j, i] = level
                    stack[count, 0], stack[count, 1], stack[count, 2] = k, j, i
                    count += 1


def brute_sizes(squared: np.ndarray, edges: tuple[int, ...]) -> np.ndarray:
    """Return the squared local thickness of squared distances."""
    out = np.zeros_like(squared)
    stamp_balls(squared, np.square(np.array(edges, np.int64)), out)
    return out


def brute_intrusion(squared: np.ndarray, edges: tuple[int, ...], inlet: np.ndarray) -> np.ndarray:
    """Return the squared radius at which mercury gets to each voxel."""
    entered = np.zeros_like(squared)
    fill_from(squared, inlet, np.unique(squared[squared > 0])[::-1], entered)
    return brute_sizes(entered, edges)


def draw_volume(number: int, rng: np.random.Generator) -> tuple[str, np.ndarray, tuple[int, ...], bool]:
    """Return kind, pores, edges of a voxel and whether there are walls, of random volume `number`."""
    shape = rng.integers(1, LONGEST + 1, 3)
    edges = tuple(int(e) for e in rng.integers(1, 4, 3)) if number % 3 else (1, 1, 1)
    kind = ("noise", "cube", "thin", "noise", "thread", "balls", "nearly all pore", "all pore")[number % 8]
    if kind == "cube":
        shape = np.full(3, LONGEST)
    if kind in ("thin", "thread"):
        shape[rng.permutation(3)[: 1 if kind == "thin" else 2]] = 1
    if kind in ("nearly all pore", "all pore"):
        shape = np.minimum(shape, 32)
    if kind == "all pore":
        return kind, np.ones(shape, bool), edges, True
    if kind == "nearly all pore":
        pores = np.ones(shape, bool)
        pores.flat[rng.integers(0, pores.size, 3)] = False
    elif kind == "balls":
        places = np.indices(shape).reshape(3, -1)
        centres, radii = rng.uniform(0, shape, (12, 3)), rng.uniform(2, 12, 12)
        inside = [((places - c[:, None]) ** 2).sum(0) < r * r for c, r in zip(centres, radii, strict=True)]
        pores = np.any(inside, axis=0).reshape(shape)
    else:
        noise = ndimage.gaussian_filter(rng.normal(size=shape), rng.uniform(0, 4))
        pores = noise > np.quantile(noise, rng.uniform(0.05, 0.95))
    walls = number // 8 % 3 == 0 or bool(pores.all())
    return kind, pores, edges, walls


def count_different(pores: np.ndarray, edges: tuple[int, ...], walls: bool, face: str, threads: int) -> dict[str, int]:
    """Return how many voxels differ from brute force, for pore sizes and for intrusion from a face."""
    from porosity import local_thickness, mip, pore_size_distribution

    squared = brute_distances(pores, edges, walls=walls)
    found = {"pore sizes": 0}
    truth = brute_sizes(squared, edges)
    options: dict[str, Any] = {"voxel_size": edges, "threads": threads, "walls": "all" if walls else "none"}
    radii = local_thickness(pores, **options).data.astype(float)
    found["pore sizes"] = int((np.rint(radii**2) != truth).sum())
    found["pore sizes"] += count_off(pore_size_distribution(pores, **options), truth[pores], edges)
    if not pores.all():  # mercury comes in where there are no walls
        squared = brute_distances(pores, edges, walls=False)
        inlet = np.zeros(pores.shape, bool)
        place: list[Any] = [slice(None)] * 3
        place["zyx".index(face[0])] = 0 if face[1] == "-" else -1
        inlet[tuple(place)] = True
        truth = brute_intrusion(squared, edges, inlet)
        curve, entered = mip(pores, inlet=face, voxel_size=edges, threads=threads), intrusion_map(pores, face, edges)
        found["intrusion"] = int((entered != truth).sum()) + count_off(curve, truth[pores], edges)
    return found


def intrusion_map(pores: np.ndarray, face: str, edges: tuple[int, ...]) -> np.ndarray:
    """Return the squared radius at which mercury from a face gets to each voxel, by the steps of `porosity.mip`."""
    from porosity.distance import inner_part, measure_field
    from porosity.flood import build_graph
    from porosity.painting import paint_balls
    from porosity.pore_space import check_pores

    space = check_pores(pores, voxel_size=edges)
    field, _ = measure_field(space, walls="none", threads=1)
    graph = build_graph(field, threads=1)
    flooded = graph.flood(graph.fill((face,)), threads=1)
    painted = inner_part(paint_balls(flooded, space.weights, int(flooded.max()), threads=1))
    return np.rint(painted * space.step**2).astype(np.int64)


def count_off(curve: Any, squared: np.ndarray, edges: tuple[int, ...]) -> int:
    """Return how many voxels the counts of a size curve are off from those of squared radii."""
    levels = np.rint(curve.radius**2).astype(int)
    counts = np.bincount(levels, np.rint(curve.volumes / np.prod(edges)), minlength=int(squared.max()) + 1)
    return int(np.abs(counts - np.bincount(squared, minlength=len(counts))).sum())


def compare_random(count: int, *, threads: int) -> list[dict[str, Any]]:
    """Compare `count` random volumes with brute force; one record for pore sizes and one for intrusion."""
    from porosity import pore_size_distribution
    from volio import InputError

    rng = np.random.default_rng(1)
    kinds: dict[str, Counter[str]] = {"pore sizes": Counter(), "intrusion": Counter()}
    results = {what: {"what": what, "volumes": 0, "voxels": 0, "largest": 0, "different": 0} for what in kinds}
    for number in range(count):
        kind, pores, edges, walls = draw_volume(number, rng)
        face = ("z-", "z+", "y-", "y+", "x-", "x+")[number % 6]
        if not pores.any():  # all solid: refused, and measured from the other side
            try:
                pore_size_distribution(pores, voxel_size=edges)
            except InputError:
                pores, walls = ~pores, True
        for what, different in count_different(pores, edges, walls, face, threads).items():
            one = results[what]
            one["volumes"] += 1
            one["voxels"] += pores.size
            one["largest"] = max(one["largest"], pores.size)
            one["different"] += different
            kinds[what][kind] += 1
    for what, one in results.items():
        one["kinds"] = ", ".join(f"{n} {kind}" for kind, n in kinds[what].items())
    return list(results.values())
