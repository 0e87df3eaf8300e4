"""Arrays that results are written into."""

from typing import Any

import numpy as np

from volio.errors import InputError

__all__ = ["check_output"]


def check_output(out: Any, shape: tuple[int, ...], *, what: str) -> None:
    """Check that an array takes a result.

    Parameters
    ----------
    out : array-like
        With ``shape`` and, as a rule, ``dtype``.
    shape : tuple of ints
        That of the result.
    what : str
        What the result is, for the message.

    Raises
    ------
    InputError
        If its shape is another one, or it holds whole numbers: fractions would be lost without a word.
    """
    if tuple(out.shape) != shape:
        raise InputError(f"out must have the shape {shape} of {what}, got {tuple(out.shape)}")
    kind = np.dtype(getattr(out, "dtype", np.float32))
    if kind.kind != "f":
        raise InputError(f"out must hold real numbers such as float32, got {kind}: fractions would be lost")
