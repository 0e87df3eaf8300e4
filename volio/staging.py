"""Results are written beside their place under a temporary name, and moved there when complete."""

import contextlib
import errno
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from volio.errors import OutputError, VolcorrError

__all__ = ["remove_unfinished", "staged"]

_FULL = {errno.ENOSPC, errno.EDQUOT}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def staged(path: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside `path`; what is written there is moved into place on success.

    The temporary name keeps the extension. Whatever goes wrong, KeyboardInterrupt included, the temporary
    file or folder is removed and an existing target stays as it was.

    Parameters
    ----------
    path : path
        The file or folder to be written.
    overwrite : bool, default: False
        Replace an existing target.

    Yields
    ------
    Path
        Where to write: a file, or a folder to be created.

    Raises
    ------
    OutputError
        If the target exists and may not be replaced, its folder is missing or cannot be written to, or the
        disk is full.
    """
    target = Path(path)
    _check_target(target, overwrite)
    temporary = target.parent / f".partial-{uuid.uuid4().hex[:8]}-{target.name}"
    try:
        yield temporary
        if not temporary.exists():
            raise OutputError(f"nothing was written for {target}: the writer made no file")
        _move(temporary, target, overwrite)
    except VolcorrError:
        raise
    except OSError as error:
        raise _explained(error, target) from error
    finally:
        _remove(temporary)


def remove_unfinished(path: str | os.PathLike[str], *, working: Path) -> None:
    """Remove what killed runs have left of a target under its temporary names.

    Parameters
    ----------
    path : path
        The target; nobody else works on it now.
    working : Path
        The temporary path of this run, which stays.
    """
    target = Path(path).absolute()
    unfinished = re.compile(rf"\.partial-[0-9a-f]{{8}}-(\.partial-[0-9a-f]{{8}}-)?{re.escape(target.name)}")
    for item in target.parent.iterdir():
        if unfinished.fullmatch(item.name) and not item.name.endswith(working.name):
            _remove(item)


def _check_target(target: Path, overwrite: bool) -> None:
    """Refuse at once what could only fail after the work was done."""
    folder = target.parent
    if not folder.is_dir():
        raise OutputError(f"folder {folder} does not exist, so {target.name} cannot be written: make the folder first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"folder {folder} cannot be written to: choose another folder or change its permissions")
    if not (target.exists() or target.is_symlink()):
        return
    if not overwrite:
        raise OutputError(f"{target} exists already: allow overwriting, or choose another name")
    here = target.resolve()
    if here.is_dir() and (Path.cwd().is_relative_to(here) or Path.home().is_relative_to(here)):
        raise OutputError(f"{target} holds the current or home folder and is not replaced: choose another name")


def _move(temporary: Path, target: Path, overwrite: bool) -> None:
    if target.is_dir() and not target.is_symlink():
        if not temporary.is_dir():
            raise OutputError(f"{target} is a folder and is not replaced by a file: choose another name")
        held = {item.name for item in target.iterdir()}
        if held and held.isdisjoint(item.name for item in temporary.iterdir()):
            raise OutputError(f"{target} is a folder of other things and is not replaced: choose another name")
        old = target.parent / f".replaced-{uuid.uuid4().hex[:8]}-{target.name}"
        target.rename(old)
        try:
            temporary.rename(target)
        except BaseException:
            old.rename(target)
            raise
        _remove(old)
        return
    if (target.exists() or target.is_symlink()) and not overwrite:
        raise OutputError(f"{target} was made by someone else meanwhile: choose another name")
    if temporary.is_dir() and target.exists():
        raise OutputError(f"{target} is a file and is not replaced by a folder: choose another name")
    temporary.replace(target)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()


def _explained(error: OSError, target: Path) -> OutputError:
    """Say an operating system's refusal in words."""
    # HDF5 and numpy.ndarray.tofile lose the number of the error
    if error.errno in _FULL or any(words in str(error) for words in ("No space left", "requested and")):
        free = shutil.disk_usage(target.parent).free
        return OutputError(
            f"disk full while writing {target} ({free / 1e9:.1f} GB free): make room; nothing was left behind"
        )
    if error.errno in _REFUSED:
        return OutputError(f"{target} cannot be written ({os.strerror(error.errno)}): check the permissions")
    reason = os.strerror(error.errno) if error.errno else " ".join(str(error).split()) or type(error).__name__
    return OutputError(f"{target} cannot be written: {reason}")
