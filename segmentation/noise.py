"""How strong the noise of a volume is, from the volume itself."""

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from segmentation.blockwise import block_boxes
from segmentation.inputs import as_volume
from volio import InputError, Volume, run_blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from volio.lazy import Box

__all__ = ["estimate_noise"]

#: Edge of the blocks that are looked at, and how many they are at most.
_EDGE, _BLOCKS = 32, 64
#: Standard deviation over the median of the size of a normal variable, and of the differences over the noise.
_NORMAL: Final = 1.4826
_GAIN: Final = 6.0**1.5


def estimate_noise(volume: Volume, *, threads: int | None = None) -> float:
    """Estimate the standard deviation of the noise of a volume.

    Second differences along all three axes at once vanish wherever the grey value changes along two axes at most, and
    so at flat surfaces; their median in blocks spread over the volume leaves out what is left of edges. Noise that is
    alike in neighbouring voxels (after smoothing, or interpolation) comes out too small.

    Parameters
    ----------
    volume : Volume or array, shape (z, y, x)
        Grey values.
    threads : int, optional
        How many blocks at once; the result does not depend on it.

    Returns
    -------
    float
        In grey values.

    Raises
    ------
    InputError
        If there is no noise, such as in a volume of labels, or an axis has fewer than three voxels.

    Notes
    -----
    J. Immerkær, Comput. Vis. Image Underst. 64 (1996) 300-302, doi:10.1006/cviu.1996.0060, in three dimensions and with
    a median in place of the mean.
    """
    grey = as_volume(volume)
    boxes = [box for box in block_boxes(grey.shape, _EDGE) if min(s.stop - s.start for s in box) > 2]
    chosen = [boxes[i] for i in np.unique(np.linspace(0, len(boxes) - 1, _BLOCKS).round().astype(int))] if boxes else []

    def measure(box: "Box") -> float:
        block: NDArray[Any] = np.asarray(grey.data[box], np.float64)
        for axis in range(3):
            block = np.diff(block, 2, axis=axis)
        return float(np.median(np.abs(block)))

    found = [one for one in run_blocks(measure, chosen, threads=threads) if one > 0]
    if not found:
        raise InputError(f"no noise is found in {grey.name or 'the volume'}: state it in grey values")
    return float(np.median(found)) * _NORMAL / _GAIN
