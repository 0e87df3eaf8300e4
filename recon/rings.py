"""Rings of the slices removed: stripes of the sinograms, by blocks of detector rows."""

import math
from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from recon.outputs import check_output
from recon.regularized_stripes import remove_stripes_by_regularization
from recon.sorted_stripes import remove_all_stripes, remove_stripes_by_filtering, remove_stripes_by_sorting
from recon.wavelet_stripes import remove_stripes_by_wavelets
from volio.blocks import run_blocks
from volio.errors import InputError
from volio.progress import SupportsUpdate

__all__ = ["RingMethod", "remove_rings"]

RingMethod = Literal["all", "sorting", "filtering", "wavelets", "regularization"]
Remove = Callable[[NDArray[np.float32]], NDArray[np.float32]]

_METHODS: dict[str, Remove] = {
    "all": remove_all_stripes,
    "sorting": remove_stripes_by_sorting,
    "filtering": remove_stripes_by_filtering,
    "wavelets": remove_stripes_by_wavelets,
    "regularization": remove_stripes_by_regularization,
}
#: Bytes of sinograms that one block reads.
BLOCK_BYTES = 32 * 2**20


def remove_rings(
    projections: Any,
    *,
    method: RingMethod | Remove = "all",
    out: Any | None = None,
    threads: int | None = None,
    progress: SupportsUpdate | None = None,
) -> Any:
    """Remove the stripes that wrong pixels of the detector draw into sinograms, and so the rings of the slices.

    Parameters
    ----------
    projections : (angle, row, column) array
        Line integrals, in memory or on disk: read by blocks of rows.
    method : {"all", "sorting", "filtering", "wavelets", "regularization"} or callable, default: "all"
        "all" is Vo's combination for dead, large and narrow stripes (`remove_all_stripes`), the next two are parts of
        it; "wavelets" is Münch's (`remove_stripes_by_wavelets`), "regularization" Titarenko's
        (`remove_stripes_by_regularization`). A callable is given (row, angle, column) sinograms and returns them
        corrected: with `functools.partial` any of these functions with its options.
    out : array, optional
        Where the result is written, of the shape of the projections; may be `projections` itself.
    threads : int, optional
        Blocks at a time. The answer depends neither on it nor on the blocks.
    progress : Progress, optional
        Is told of finished rows.

    Returns
    -------
    (angle, row, column) float32 array
        Or `out`.

    Raises
    ------
    InputError
        If the method is not known, `out` does not take the result, or as the functions named above.
    """
    if isinstance(method, str) and method not in _METHODS:
        raise InputError(f"method must be one of {', '.join(get_args(RingMethod))}, or a function, got {method!r}")
    remove = _METHODS[method] if isinstance(method, str) else method
    shape = tuple(projections.shape)
    if len(shape) != 3:
        raise InputError(f"projections need 3 axes (angle, row, column), got shape {shape}")
    result = np.empty(shape, np.float32) if out is None else out
    check_output(result, shape, what="the projections")
    depth = max(1, BLOCK_BYTES // max(4 * math.prod((shape[0], shape[2])), 1))
    blocks = [slice(start, min(start + depth, shape[1])) for start in range(0, shape[1], depth)]

    def task(rows: slice) -> None:
        sinograms = np.asarray(projections[:, rows], np.float32).transpose(1, 0, 2)
        result[:, rows] = remove(sinograms).transpose(1, 0, 2)

    run_blocks(task, blocks, threads=threads, progress=progress, weight=lambda rows: rows.stop - rows.start)
    return result
