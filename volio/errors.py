"""The errors that a user of volcorr can meet.

Every message says what was wrong, the value, what is allowed and what to do. The command line shows that one
line and leaves with code 2.
"""

__all__ = ["FormatError", "InputError", "OutputError", "VolcorrError"]


class VolcorrError(Exception):
    """Base of all errors that volcorr raises on purpose."""


class InputError(VolcorrError, ValueError):
    """An argument or the content of a volume is not usable."""


class FormatError(VolcorrError, ValueError):
    """A file is missing, damaged, or not what its name says."""


class OutputError(VolcorrError, OSError):
    """A result cannot be written: the folder exists, is read-only, or the disk is full."""
