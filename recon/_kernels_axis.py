"""Kernel of the test slices for candidate axes (see `axis_sharpness`)."""

import numpy as np
import numpy.typing as npt

from volio.jit import jit


@jit
def back_project_candidates(
    rows: npt.NDArray[np.float32],
    cosines: npt.NDArray[np.float64],
    sines: npt.NDArray[np.float64],
    center: float,
    slices: npt.NDArray[np.float32],
) -> None:
    """Back-project one filtered sinogram, shifted for each candidate, with linear interpolation, in the inner disc.

    rows: (angle, column, candidate) float32; cosines, sines: (angle,) float64; center: column of the middle of the
    slices in all of them; slices: (y, x, candidate) float32, zeros.
    """
    count, columns, _ = rows.shape
    size = slices.shape[0]
    middle = 0.5 * (size - 1)
    last = columns - 2
    for i in range(size):
        y = i - middle
        for j in range(size):
            x = j - middle
            if x * x + y * y > 0.25 * size * size:
                continue
            pixel = slices[i, j]
            for a in range(count):
                place = center + x * cosines[a] + y * sines[a]
                at = int(np.floor(place))
                if at < 0 or at > last:
                    continue
                right = np.float32(place - at)
                left = np.float32(1) - right
                here, there = rows[a, at], rows[a, at + 1]
                for k in range(pixel.size):
                    pixel[k] += left * here[k] + right * there[k]
