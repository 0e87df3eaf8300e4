"""How many threads are used when nobody says."""

import os

from volio.errors import InputError

__all__ = ["default_threads"]

VARIABLE = "VOLCORR_NUM_THREADS"


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
