"""Zingers: single hits that are far brighter than what lies around them, in time and in the image."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volio.errors import InputError

__all__ = ["WINDOW", "CleanedProjections", "remove_zingers"]

#: Neighbouring projections, and neighbouring pixels, on each side that a value is compared with.
WINDOW = 2
#: A zinger is brighter than its surroundings by this fraction at least, however little noise there is.
LEAST = 0.2
#: Pixels of a projection from which its noise is estimated.
SAMPLES = 2**16


@dataclass(frozen=True, eq=False)
class CleanedProjections:
    """Projections without zingers.

    Attributes
    ----------
    projections : (angle, row, column) float32 array
        The zingers are replaced by what is usual around them; everything else is as it was.
    replaced : int
        How many values were replaced.
    """

    projections: NDArray[np.float32]
    replaced: int


def remove_zingers(
    projections: Any, *, threshold: float = 8.0, first: int = 0, stop: int | None = None
) -> CleanedProjections:
    """Replace values that stick out of both the neighbouring projections and the neighbouring pixels.

    A value is a zinger when it is above the median of the two projections before and the two after, at the same
    pixel, and above the median of its 5 x 5 pixels, each by more than `threshold` times the noise and by a fifth. The
    larger of the two medians takes its place. The noise of counts grows as their square root; how strong it is, is
    taken for each projection from the median difference to the previous one, or between neighbouring pixels where
    that is less.

    Parameters
    ----------
    projections : (angle, row, column) array
        Counts above the dark (or transmissions): not line integrals, where noise has another law.
    threshold : float, default: 8.0
        In standard deviations of the noise. Edges of a specimen that moves far between projections need more.
    first, stop : int, optional
        The projections that are wanted; those around them are only compared with. All when not given.

    Returns
    -------
    CleanedProjections

    Raises
    ------
    InputError
        If there are fewer than two projections, or `threshold` is not positive.
    """
    from recon._kernels_zingers import replace_zingers

    counts = np.ascontiguousarray(projections, np.float32)
    if counts.ndim != 3 or counts.shape[0] < 2:
        raise InputError(f"zingers are found in 2 or more projections (angle, row, column), got shape {counts.shape}")
    if not threshold > 0:
        raise InputError(f"the threshold of zingers must be positive, got {threshold}: 8 noise deviations are usual")
    wanted = range(counts.shape[0])[first:stop]
    noise = np.array([_noise(counts, i) for i in wanted], np.float32).reshape(-1, 2)
    out = np.empty((len(wanted), *counts.shape[1:]), np.float32)
    replaced = replace_zingers(counts, first, noise[:, 0], noise[:, 1], np.float32(threshold), LEAST, WINDOW, out)
    return CleanedProjections(out, int(replaced))


def _noise(counts: NDArray[np.float32], index: int) -> tuple[float, float]:
    """Return scale and floor of the noise of a projection: the deviation of v is scale * sqrt(max(v, floor))."""
    stride = max(1, math.isqrt(math.ceil(counts[index].size / SAMPLES)))
    image = counts[index, ::stride]
    other = counts[index - 1 if index else 1, ::stride]
    floor = max(0.01 * float(image.mean(dtype=np.float64)), float(np.finfo(np.float32).tiny))
    pairs = [(image[:, ::stride], other[:, ::stride])]
    if image.shape[1] > 1:
        pairs.append((image[:, 1::stride], image[:, :-1:stride]))
    deviations = [float(np.median(np.abs(a - b) / np.sqrt(np.maximum(a + b, 2 * floor)))) for a, b in pairs]
    return 1.4826 * min(deviations), floor
