"""How many threads are used when nobody says."""

import os
import sys

from volio.errors import InputError

__all__ = ["ONE_THREAD", "default_threads", "limit_threads"]

VARIABLE = "VOLCORR_NUM_THREADS"
#: The environment of a worker: one thread for volcorr, and for what else would start threads of its own.
ONE_THREAD = dict.fromkeys(
    (VARIABLE, "NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"
)


def default_threads() -> int:
    """Return the number of threads to use: ``VOLCORR_NUM_THREADS``, else the cores given to this process.

    Raises
    ------
    InputError
        If the variable is set to something other than a whole number of at least 1.
    """
    text = os.environ.get(VARIABLE, "").strip()
    if text:
        if not text.isdecimal() or int(text) < 1:
            raise InputError(f"{VARIABLE} must be a whole number of at least 1, got {text!r}: correct or unset it")
        return int(text)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def limit_threads() -> None:
    """Make this process compute with one thread: it is one worker of many on its machine."""
    os.environ |= ONE_THREAD
    if "numba" in sys.modules:  # too late for its variable
        sys.modules["numba"].set_num_threads(1)
