"""The one place that sets how kernels are compiled.

Kernels are compiled once and cached on disk, release the GIL, and run on one thread each: parallel work comes
from `volio.run_blocks`, so that an answer never depends on the thread count or on numba's threading
layer.
"""

from collections.abc import Callable
from typing import Any, cast

import numba

__all__ = ["inner", "jit"]

#: All of LLVM's fast maths but the promise that there is no NaN and no infinity.
_FAST = {"reassoc", "nsz", "arcp", "contract", "afn"}


def jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` with the project's defaults: cached, without the GIL, fast floating-point maths.

    ``fastmath`` allows sums to be reordered into vector lanes, and products to be fused with sums. NaN keeps its
    meaning: kernels may use it for values that are missing.

    The cache of a kernel is renewed when its own file changes, not when a kernel of another file that it
    calls does: after such a change remove ``__pycache__``.
    """
    compiled = numba.njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")(function)
    return cast("Callable[..., Any]", compiled)


def inner(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a kernel that only other kernels call: as `jit`, without what a call from Python would need.

    It is part of the cached code of those that call it, and compiled again with them.
    """
    options: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    compiled = numba.njit(nogil=True, fastmath=_FAST, error_model="numpy", **options)(function)
    return cast("Callable[..., Any]", compiled)
