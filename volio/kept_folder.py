"""The hidden folder beside an output in which a run keeps what it has finished, and nobody else at the same time."""

import logging
import os
import shutil
from contextlib import ExitStack
from pathlib import Path

from volio.checkpoint import IDENTITY
from volio.errors import OutputError

__all__ = ["claim_folder", "empty_folder", "kept_folder"]

logger = logging.getLogger(__name__)


def kept_folder(output: Path) -> Path:
    """Return the folder beside `output` in which what is finished of it is kept."""
    return output.absolute().parent / f".{output.name}.blocks"


def claim_folder(folder: Path, output: Path, stack: ExitStack) -> bool:
    """Keep other runs away from a folder until `stack` is closed.

    Parameters
    ----------
    folder : Path
        It exists.
    output : Path
        What is made, for messages.
    stack : ExitStack
        Gives the folder free when it is closed.

    Returns
    -------
    bool
        False where the system knows no locks, so that other runs may be at work.

    Raises
    ------
    OutputError
        Another run works on the same output.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return False
    handle = os.open(folder, os.O_RDONLY)
    stack.callback(os.close, handle)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise OutputError(
            f"another run is making {output} at this moment: wait for its end, or choose another output"
        ) from error
    except OSError as error:  # some network file systems
        logger.debug("%s cannot be locked: %s", folder, error)
        return False
    return True


def empty_folder(folder: Path) -> None:
    """Remove what an earlier run has kept in a folder, if it is one of finished blocks (`volio.open_checkpoint`)."""
    if (folder / IDENTITY).is_file():
        # the mark last: what is left after a crash is still known as ours
        for item in sorted(folder.iterdir(), key=lambda item: item.name == IDENTITY):
            if item.is_dir():
                shutil.rmtree(item)
            else:
                item.unlink()
