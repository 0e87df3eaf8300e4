"""Kernels of analytic projections (see `projections`): ellipses seen by the bins of a detector, and by pixels.

An ellipse is a row of six float64 numbers: y, x of its centre from the rotation axis, its half axes, the angle from x
to the first of them (towards y), and what it adds to the attenuation. Lengths are in pixels.
"""

from math import asin, ceil, cos, floor, hypot, sin, sqrt

import numpy as np
import numpy.typing as npt

from volio.jit import jit

Floats = npt.NDArray[np.float64]


@jit
def _chords(position: float, half: float) -> float:
    """Integral of sqrt(half^2 - s^2) over s from the middle to `position`."""
    part = min(max(position / half, -1.0), 1.0)
    return 0.5 * half * half * (part * sqrt(1.0 - part * part) + asin(part))


@jit
def project_ellipses(ellipses: Floats, angles: Floats, centers: Floats, out: Floats) -> None:
    """Add to out (angles, columns) the mean line integral over each bin, which is one pixel wide.

    centers (angles,): column of the rotation axis in each projection.
    """
    columns = out.shape[1]
    for n in range(ellipses.shape[0]):
        y, x, first, second, turn, value = ellipses[n]
        for a in range(angles.size):
            angle = angles[a]
            half = hypot(first * cos(angle - turn), second * sin(angle - turn))
            scale = 2.0 * value * first * second / (half * half)
            middle = centers[a] + x * cos(angle) + y * sin(angle)
            low = max(ceil(middle - half - 0.5), 0)
            high = min(floor(middle + half + 0.5), columns - 1)
            before = _chords(low - 0.5 - middle, half)
            for column in range(low, high + 1):
                after = _chords(column + 0.5 - middle, half)
                out[a, column] += scale * (after - before)
                before = after


@jit
def render_ellipses(ellipses: Floats, step: float, lines: int, out: Floats) -> None:
    """Add to out (y, x) the mean over each pixel of edge `step`: exact along x, over `lines` lines along y."""
    rows, columns = out.shape
    for n in range(ellipses.shape[0]):
        y, x, first, second, turn, value = ellipses[n]
        across, along = sin(turn) / first, cos(turn) / first
        other_across, other_along = cos(turn) / second, -sin(turn) / second
        reach = hypot(first * sin(turn), second * cos(turn))
        low = max(floor((y - reach) / step + 0.5 * (rows - 1)), 0)
        high = min(ceil((y + reach) / step + 0.5 * (rows - 1)), rows - 1)
        a = along * along + other_along * other_along
        for row in range(low, high + 1):
            for line in range(lines):
                dy = (row - 0.5 * (rows - 1) + (line + 0.5) / lines - 0.5) * step - y
                half_b = dy * (along * across + other_along * other_across)
                c = dy * dy * (across * across + other_across * other_across) - 1.0
                root = half_b * half_b - a * c
                if root > 0.0:
                    left = (x + (-half_b - sqrt(root)) / a) / step + 0.5 * columns
                    right = (x + (-half_b + sqrt(root)) / a) / step + 0.5 * columns
                    for column in range(max(floor(left), 0), min(ceil(right), columns)):
                        covered = min(right, column + 1.0) - max(left, float(column))
                        out[row, column] += value * covered / lines


@jit
def project_spheres(
    spheres: Floats,
    angles: Floats,
    shifts: Floats,
    center: float,
    tilt: float,
    lines: int,
    out: Floats,
) -> None:
    """Add to out (angles, rows, columns) the mean line integral over each detector pixel.

    spheres (n, 5): z, y, x of the centre from the middle of the specimen, radius, value. shifts (angles, 2): how far
    each projection lies off, rows and columns. Exact along one axis, over `lines` lines along the other.
    """
    rows, columns = out.shape[1:]
    sine, cosine = sin(tilt), cos(tilt)
    for n in range(spheres.shape[0]):
        z, y, x, radius, value = spheres[n]
        for a in range(angles.size):
            s = x * cos(angles[a]) + y * sin(angles[a])
            middle_row = 0.5 * (rows - 1) + z * cosine - s * sine + shifts[a, 0]
            middle = center + s * cosine + z * sine + shifts[a, 1]
            low = max(ceil(middle_row - radius - 0.5), 0)
            high = min(floor(middle_row + radius + 0.5), rows - 1)
            for row in range(low, high + 1):
                for line in range(lines):
                    height = row - middle_row + (line + 0.5) / lines - 0.5
                    if abs(height) < radius:
                        half = sqrt(radius * radius - height * height)
                        first = max(ceil(middle - half - 0.5), 0)
                        last = min(floor(middle + half + 0.5), columns - 1)
                        before = _chords(first - 0.5 - middle, half)
                        for column in range(first, last + 1):
                            after = _chords(column + 0.5 - middle, half)
                            out[a, row, column] += 2.0 * value * (after - before) / lines
                            before = after
