"""The one place that sets how kernels are compiled.

Kernels are compiled once and cached on disk, release the GIL, and run on one thread each: parallel work comes
from `volio.run_blocks`, so that an answer never depends on the thread count or on numba's threading
layer.
"""

from collections.abc import Callable
from typing import Any, cast

import numba

__all__ = ["jit"]


def jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` with the project's defaults: cached, without the GIL, fast floating-point maths.

    ``fastmath`` allows sums to be reordered into vector lanes; it also lets the compiler assume that no NaN
    is met, so kernels get cleaned arrays and a separate mask of bad voxels.

    The cache of a kernel is renewed when its own file changes, not when a kernel of another file that it
    calls does: after such a change remove ``__pycache__``.
    """
    compiled = numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")(function)
    return cast("Callable[..., Any]", compiled)
