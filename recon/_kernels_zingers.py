"""Kernel of the search for zingers: single bright hits in projections (see `zingers`)."""

import numpy as np
import numpy.typing as npt

from volio.jit import inner, jit

Singles = npt.NDArray[np.float32]


@inner
def _median(values: Singles, n: int) -> float:
    # values: (>= n,) float32, sorted in place; the mean of the two in the middle for even n
    for i in range(1, n):
        value = values[i]
        j = i - 1
        while j >= 0 and values[j] > value:
            values[j + 1] = values[j]
            j -= 1
        values[j + 1] = value
    return 0.5 * (values[(n - 1) // 2] + values[n // 2])


@jit
def replace_zingers(
    counts: Singles,
    first: int,
    scales: Singles,
    floors: Singles,
    threshold: float,
    least: float,
    window: int,
    out: Singles,
) -> int:
    """Copy projections to `out` with zingers replaced, and return how many there were.

    counts: (angle, row, column) float32, with neighbouring projections before and after those of `out`;
    first: index in `counts` of the first of `out`; scales, floors: (angles of out,) float32: the noise of a value v is
    scale * sqrt(max(v, floor)); least: a zinger is brighter by this fraction at least; window: neighbours on each
    side; out: (angle, row, column) float32.
    """
    total, rows, columns = counts.shape
    replaced = 0
    near = np.empty(max(2 * window, (2 * window + 1) ** 2), np.float32)
    for angle in range(out.shape[0]):
        here = first + angle
        begin, end = max(here - window, 0), min(here + window + 1, total)
        for row in range(rows):
            for column in range(columns):
                value = counts[here, row, column]
                out[angle, row, column] = value
                lowest = value
                for other in range(begin, end):
                    lowest = min(lowest, counts[other, row, column])
                # no median is below the lowest value: nearly all pixels are done here
                if value - lowest <= threshold * scales[angle] * np.sqrt(max(lowest, floors[angle])):
                    continue
                n = 0
                for other in range(begin, end):
                    if other != here:
                        near[n] = counts[other, row, column]
                        n += 1
                level = _median(near, n)
                n = 0
                for r in range(max(row - window, 0), min(row + window + 1, rows)):
                    for c in range(max(column - window, 0), min(column + window + 1, columns)):
                        if r != row or c != column:
                            near[n] = counts[here, r, c]
                            n += 1
                level = max(level, _median(near, n))
                if value - level > max(least * level, threshold * scales[angle] * np.sqrt(max(level, floors[angle]))):
                    out[angle, row, column] = level
                    replaced += 1
    return replaced
