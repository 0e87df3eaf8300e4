"""The one place that sets how kernels are compiled.

Kernels are compiled once and cached on disk, release the GIL, and run on one thread each: parallel work comes
from `volio.run_blocks`, so that an answer never depends on the thread count or on numba's threading
layer.
"""

from collections.abc import Callable
from typing import Any, cast

import numba
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler

__all__ = ["inlined", "inner", "jit"]

#: All of LLVM's fast maths but the promise that there is no NaN and no infinity.
_FAST = {"reassoc", "nsz", "arcp", "contract", "afn"}
#: What a kernel that Python does not call can do without: wrappers, and counting who refers to an array. Each count is
#: a locked instruction on a place that all threads share; in a call for every voxel they would be most of the time.
_PART_ONLY: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "_nrt": False}


def jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` with the project's defaults: cached, without the GIL, fast floating-point maths.

    ``fastmath`` allows sums to be reordered into vector lanes, and products to be fused with sums. NaN keeps its
    meaning: kernels may use it for values that are missing.

    The cache of a kernel is renewed when its own file changes, not when a kernel of another file that it
    calls does: after such a change remove ``__pycache__``.
    """
    counts: dict[str, Any] = {"_nrt": True}  # else a part that calls it would forbid it to make arrays
    compiled = numba.njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy", **counts)(function)
    return cast("Callable[..., Any]", compiled)


def inner(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a kernel that only other kernels call: as `jit`, without what a call from Python would need.

    It is part of the cached code of those that call it, and compiled again with them. It cannot make arrays, nor return
    any: they are handed to it.
    """
    compiled = numba.njit(nogil=True, fastmath=_FAST, error_model="numpy", **_PART_ONLY)(function)
    return cast("Callable[..., Any]", compiled)


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a kernel as `inner`, but leave its optimisation to the kernels that call it.

    A kernel inside a kernel is else optimised and turned into machine code once by itself, and again with each that
    calls it: of vector kernels that is most of the time of a first call. It cannot be called from Python.
    """
    options = {"pipeline_class": _PartCompiler, **_PART_ONLY}
    compiled = numba.njit(nogil=True, fastmath=_FAST, error_model="numpy", **options)(function)
    return cast("Callable[..., Any]", compiled)


class _Part(JITCodeLibrary):
    """Code that is linked into other code, neither optimised nor turned into machine code by itself."""

    @property
    def codegen(self) -> "_Part":
        return self

    def set_env(self, name: str, env: Any) -> None:
        """Store no Python objects: there is no machine code that could use them."""

    def get_pointer_to_function(self, name: str) -> int:
        self._ensure_finalized()  # type: ignore[no-untyped-call]
        return 0

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()  # type: ignore[no-untyped-call]
        self._finalized = True


class _PartCompiler(Compiler):
    """numba's compiler, writing to a `_Part`."""

    def __init__(self, typing_context: Any, target_context: Any, _library: None, *rest: Any) -> None:
        library = _Part(target_context.codegen(), "part")  # type: ignore[no-untyped-call]
        super().__init__(typing_context, target_context, library, *rest)  # type: ignore[no-untyped-call]
