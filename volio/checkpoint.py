"""Finished blocks kept in a folder, so that a run that was ended goes on where it was."""

import hashlib
import json
import logging
import os
import re
import shutil
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from volio.blocks import Executor, ExecutorName, completed_blocks
from volio.errors import InputError, OutputError
from volio.progress import Progress, SupportsUpdate

__all__ = ["IDENTITY", "Checkpoint", "open_checkpoint", "run_resumable"]

logger = logging.getLogger(__name__)

Block = TypeVar("Block")
Arrays = dict[str, NDArray[Any]]

#: The file that marks a folder of finished blocks.
IDENTITY = "identity.json"
_SUFFIX = ".npz"
_PARTIAL = ".partial-"
#: The member of a file that holds the SHA-256 of all others.
_DIGEST = "sha256"
#: Temporary files older than this (seconds) were left by a run that was killed.
_STALE = 3600.0
_MOST_SHOWN = 3


@dataclass(frozen=True)
class Checkpoint:
    """A folder of finished blocks: `identity.json`, and one NumPy archive (.npz) a block.

    Attributes
    ----------
    folder : Path
        Where they are.
    """

    folder: Path

    def names(self) -> list[str]:
        """Return the names of all blocks that were saved, sorted; whether they are intact shows on loading."""
        return sorted(item.name.removesuffix(_SUFFIX) for item in self.folder.glob(f"[!.]*{_SUFFIX}"))

    def save(self, name: str, arrays: Mapping[str, Any]) -> None:
        """Keep the arrays of a finished block: after a crash they are there whole, or not at all.

        Parameters
        ----------
        name : str
            Letters, digits, dots, dashes and underscores.
        arrays : mapping of str to array
            Any shapes; numbers, dates or text, no Python objects or records.

        Raises
        ------
        InputError
            If the name or an array cannot be saved.
        OutputError
            If the folder cannot be written to or the disk is full.
        """
        whole = {key: np.asarray(array) for key, array in arrays.items()}
        for key, array in whole.items():
            if array.dtype.kind in "OV" or key == _DIGEST:
                raise InputError(f"array {key!r} of block {name!r} cannot be kept: rename it, or make it plain numbers")
        whole[_DIGEST] = np.array(_digest(whole))
        with _replacing(self._file(name)) as stream, zipfile.ZipFile(stream, "w") as archive:
            for key, array in whole.items():
                # a fixed date: the same arrays make the same file
                with archive.open(zipfile.ZipInfo(f"{key}.npy"), "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)

    def load(self, name: str) -> Arrays | None:
        """Return the arrays of a block, bit by bit as they were saved; None when it is missing or damaged."""
        file = self._file(name)
        try:
            with zipfile.ZipFile(file) as archive:
                arrays = {item.removesuffix(".npy"): _member(archive, item) for item in archive.namelist()}
            intact = str(arrays.pop(_DIGEST)) == _digest(arrays)
        except FileNotFoundError:
            return None
        except MemoryError:
            raise
        except Exception as error:  # whatever zipfile and NumPy raise on damaged data
            logger.debug("%s: %s", file, error)
            intact = False
        if not intact:
            logger.warning("%s is damaged: its block is computed again", file)
            return None
        return arrays

    def clear(self) -> None:
        """Remove the folder and all that is in it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _file(self, name: str) -> Path:
        if not re.fullmatch(r"\w[\w.-]*", name, re.ASCII):
            raise InputError(f"block name {name!r} cannot be a file name: use letters, digits, dots, - and _")
        return self.folder / f"{name}{_SUFFIX}"


def open_checkpoint(
    folder: str | os.PathLike[str], identity: Mapping[str, Any], *, resume: bool, overwrite: bool = False
) -> Checkpoint:
    """Open the folder of finished blocks of a run: that of an earlier run to go on with, or a new one.

    With `resume`, the blocks of an earlier run of the same identity are used, and where there are none the run
    starts afresh. Without `resume`, finished blocks are never dropped silently: a folder that holds some is refused
    unless `overwrite` is set. A folder of other things is always refused.

    Parameters
    ----------
    folder : path
        Is made where it does not exist.
    identity : mapping
        All that the blocks depend on (settings, checksums of the inputs, version), nested, as JSON can hold it.
    resume : bool
        Go on with what an earlier run left.
    overwrite : bool, default: False
        Without `resume`: drop what an earlier run left.

    Raises
    ------
    InputError
        If `resume` is set and the earlier run had another identity: the message names what differs.
    OutputError
        If the folder holds finished blocks and neither `resume` nor `overwrite` is set, or other things, or cannot
        be written to.
    """
    checkpoint = Checkpoint(Path(folder).absolute())
    wanted = json.loads(json.dumps(identity, sort_keys=True))
    with _explained(checkpoint.folder):
        checkpoint.folder.mkdir(parents=True, exist_ok=True)
        entries = [item.name for item in checkpoint.folder.iterdir() if not item.name.startswith(_PARTIAL)]
        if entries and IDENTITY not in entries:
            raise OutputError(f"{checkpoint.folder} holds other things than finished blocks: choose another folder")
        done = len(checkpoint.names())
        if resume and entries:
            _compare(_stored(checkpoint.folder), wanted)
            logger.info("%s: going on after %d finished blocks", checkpoint.folder, done)
        elif done and not overwrite:
            raise OutputError(
                f"{checkpoint.folder} holds {done} finished blocks of an earlier run: resume to go on with them, or "
                "allow overwriting to start afresh"
            )
        else:
            # the blocks first: a crash in between never leaves them with the identity of another run
            for name in checkpoint.names():
                (checkpoint.folder / f"{name}{_SUFFIX}").unlink()
            _write_identity(checkpoint.folder, wanted)
        _remove_stale(checkpoint.folder)
    return checkpoint


def run_resumable(
    task: Callable[[Block], Mapping[str, Any]],
    blocks: Sequence[Block],
    *,
    names: Callable[[Block], str],
    checkpoint: Checkpoint | None,
    threads: int | None = None,
    executor: ExecutorName | Executor | None = None,
    progress: SupportsUpdate | None = None,
    weight: Callable[[Block], int] | None = None,
) -> list[Arrays]:
    """Run `task` on the blocks that are not finished yet, and return the arrays of all, in the order of the blocks.

    Each block is saved as it gets done, by this process: the results come here anyhow, and so only one machine
    writes to the folder, which need not be shared.

    Parameters
    ----------
    task : callable
        Returns a dict of arrays for a block.
    blocks, threads, executor, progress, weight
        See `volio.run_blocks`. Progress counts finished blocks as done, but not into the rate.
    names : callable
        Gives the name under which a block is kept: the same in every run.
    checkpoint : Checkpoint or None
        Where finished blocks are; None keeps nothing.

    Returns
    -------
    list of dict
        The arrays of each block.

    Raises
    ------
    InputError
        If two blocks have the same name.
    """
    called = [names(block) for block in blocks]
    if len(set(called)) != len(called):
        raise InputError(f"{len(called)} blocks have only {len(set(called))} names: each needs its own")
    results: list[Arrays | None] = [None if checkpoint is None else checkpoint.load(name) for name in called]
    sizes = [1 if weight is None else weight(block) for block in blocks]
    todo = [index for index, result in enumerate(results) if result is None]
    if progress is not None and len(todo) < len(blocks):
        skip = progress.skip if isinstance(progress, Progress) else progress.update
        skip(sum(sizes) - sum(sizes[index] for index in todo))
    with ExitStack() as stack:
        waiting = [blocks[index] for index in todo]
        finished = completed_blocks(stack, task, waiting, threads=threads, executor=executor) if todo else ()
        for place, arrays in finished:
            index = todo[place]
            results[index] = {key: np.asarray(array) for key, array in arrays.items()}
            if checkpoint is not None:
                checkpoint.save(called[index], arrays)
            if progress is not None:
                progress.update(sizes[index])
    return [result for result in results if result is not None]


def _member(archive: zipfile.ZipFile, item: str) -> NDArray[Any]:
    with archive.open(item) as stream:
        array: NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
        stream.read()  # to the end, where zipfile compares its checksum
        return array


def _digest(arrays: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for key in sorted(arrays):
        array = arrays[key]
        digest.update(f"{key!r} {np.lib.format.dtype_to_descr(array.dtype)} {array.shape};".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


@contextmanager
def _replacing(target: Path) -> Iterator[IO[bytes]]:
    """Yield a temporary file that takes the place of `target` once it is on the disk."""
    temporary = target.parent / f"{_PARTIAL}{uuid.uuid4().hex}"
    with _explained(target):
        try:
            with temporary.open("wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Say an operating system's refusal in words."""
    try:
        yield
    except (InputError, OutputError):
        raise
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise OutputError(f"{path} cannot be written ({reason}): make room, or choose another folder") from error


def _write_identity(folder: Path, identity: Any) -> None:
    content = {"identity": identity, "sha256": _identity_digest(identity)}
    with _replacing(folder / IDENTITY) as stream:
        stream.write((json.dumps(content, indent=2, sort_keys=True) + "\n").encode())


def _stored(folder: Path) -> Any:
    file = folder / IDENTITY
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["sha256"] == _identity_digest(content["identity"]):
            return content["identity"]
    except (ValueError, KeyError, TypeError):
        pass
    raise InputError(f"cannot resume: {file} is damaged or was edited: start afresh without resuming")


def _identity_digest(identity: Any) -> str:
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def _compare(before: Any, now: Any) -> None:
    """Refuse to go on with blocks of another run, and say what differs."""
    old, new = _flat(before), _flat(now)
    changed = [key for key in sorted({*old, *new}) if old.get(key) != new.get(key)]
    if not changed:
        return
    shown = [f"{key} was {_short(old.get(key))}, is now {_short(new.get(key))}" for key in changed[:_MOST_SHOWN]]
    more = f"; and {len(changed) - _MOST_SHOWN} more" if len(changed) > _MOST_SHOWN else ""
    raise InputError(f"cannot resume: {'; '.join(shown)}{more}: set them as before, or start afresh without resuming")


def _flat(tree: Any, name: str = "") -> dict[str, str]:
    """Return dotted names and values as JSON."""
    if not isinstance(tree, dict) or (name and not tree):
        return {name: json.dumps(tree)}
    parts = [_flat(value, f"{name}.{key}" if name else key) for key, value in tree.items()]
    return {key: value for part in parts for key, value in part.items()}


def _short(text: str | None) -> str:
    if text is None:
        return "not set"
    return text if len(text) <= 80 else f"{text[:77]}..."


def _remove_stale(folder: Path) -> None:
    for item in folder.glob(f"{_PARTIAL}*"):
        if time.time() - item.stat().st_mtime > _STALE:
            item.unlink(missing_ok=True)
