"""Whether a scan has rings: what stays at the same pixel of the detector while the specimen turns.

A pixel that answers wrongly adds the same to every projection, where detail of the specimen moves on. So the mean over
one half of the projections of what differs from pixel to pixel is compared with that over the other half: what both
have in common is the detector's.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["StripeStrength", "measure_stripes"]

Singles = npt.NDArray[np.float32]

#: Fixed pattern over the noise of one projection from which on rings show: they add up over the angles, noise does not.
VISIBLE = 0.1


@dataclass(frozen=True)
class StripeStrength:
    """How wrong the pixels of a detector are.

    Attributes
    ----------
    pattern : float
        Root mean square of what a pixel adds to every projection (line integral).
    noise : float
        Standard deviation of a pixel of one projection.
    """

    pattern: float
    noise: float

    @property
    def visible(self) -> bool:
        """Whether rings would be seen in slices."""
        return self.pattern > VISIBLE * self.noise


def measure_stripes(images: Singles) -> StripeStrength:
    """Measure what stays the same from projection to projection, from column to column.

    Parameters
    ----------
    images : (angles, rows, columns) float32 array
        Line integrals as the detector saw them, shifts not undone; 4 projections and 3 columns or more.
    """
    half = len(images) // 2
    means = [np.zeros((images.shape[1], images.shape[2] - 2)) for _ in range(2)]
    noise = np.empty(len(images) - 1)
    before: Singles | None = None
    for i, image in enumerate(images):
        # 1.5: variance of a pixel less the mean of its neighbours
        detail = (image[:, 1:-1] - np.float32(0.5) * (image[:, :-2] + image[:, 2:])) / np.float32(math.sqrt(1.5))
        means[i // half if i < 2 * half else 1] += detail / half
        if before is not None:
            noise[i - 1] = 1.4826 * float(np.median(np.abs(detail - before))) / math.sqrt(2)
        before = detail
    common = float(np.mean(means[0] * means[1]))
    return StripeStrength(math.sqrt(max(common, 0.0)), float(np.median(noise)))
