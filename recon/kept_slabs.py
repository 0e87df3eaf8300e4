"""What a run has finished, kept in a hidden folder beside its volume until that is complete."""

import json
import logging
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from recon.decisions import Decisions
from recon.disk_array import DiskArray
from volio.checkpoint import Checkpoint, open_checkpoint
from volio.errors import FormatError, InputError
from volio.kept_folder import claim_folder, empty_folder, kept_folder
from volio.staging import remove_unfinished

__all__ = ["KeptSlabs", "kept_slabs"]

logger = logging.getLogger(__name__)

_DECISIONS = "decisions"
_SLAB = re.compile(r"slices-(\d+)-(\d+)")


class KeptSlabs:
    """Finished slices of one run, and the decisions that they rest on.

    Parameters
    ----------
    output : Path
        Volume of the run.
    """

    def __init__(self, output: Path) -> None:
        self.output = output
        self.folder = kept_folder(output)
        self._checkpoint: Checkpoint | None = None
        self._stack = ExitStack()

    def open(self, identity: Mapping[str, Any], *, resume: bool, working: Path) -> None:
        """Take up what an earlier run has left, or start afresh.

        Parameters
        ----------
        identity : mapping
            All that slices depend on.
        resume : bool
            Go on with the slices of an earlier run; else they are dropped, and a warning says so.
        working : Path
            Temporary name of the volume; what runs that were killed have left beside it is removed.

        Raises
        ------
        InputError
            With `resume`, the earlier run was another: the message says what differs.
        OutputError
            Another run works on the same output, or the folder cannot be written.
        """
        self.folder.mkdir(exist_ok=True)
        claimed = claim_folder(self.folder, self.output, self._stack)
        found = len(Checkpoint(self.folder).names())
        if found and not resume:
            logger.warning(
                "what an earlier run of %s had finished is dropped: --resume would have gone on with it", self.output
            )
        if not resume:
            empty_folder(self.folder)
        self._checkpoint = open_checkpoint(self.folder, identity, resume=resume)
        if claimed:
            remove_unfinished(self.output, working=working)

    @property
    def checkpoint(self) -> Checkpoint:
        """Where blocks are marked as finished."""
        assert self._checkpoint is not None
        return self._checkpoint

    def array(self, name: str, shape: tuple[int, int, int]) -> DiskArray:
        """Return the array of a file in the folder, which need not be there yet."""
        return DiskArray(self.folder / f"{name}.raw", shape)

    def save_decisions(self, decisions: Decisions) -> None:
        """Keep what was decided."""
        said = {item.name: getattr(decisions, item.name) for item in fields(decisions) if item.name != "shifts"}
        arrays: dict[str, Any] = {"said": np.array(json.dumps(said))}
        if decisions.shifts is not None:
            arrays["shifts"] = decisions.shifts
        self.checkpoint.save(_DECISIONS, arrays)

    def load_decisions(self) -> Decisions | None:
        """Return what an earlier run has decided."""
        found = self.checkpoint.load(_DECISIONS) if _DECISIONS in self.checkpoint.names() else None
        if found is None:
            return None
        said = json.loads(str(found["said"]))
        return Decisions(**{**said, "shifts": found.get("shifts"), "notes": tuple(said["notes"])})

    def save_slab(self, start: int, stop: int, digest: int) -> None:
        """Mark slices as finished, with a digest of their voxels."""
        self.checkpoint.save(f"slices-{start:06d}-{stop:06d}", {"digest": np.array(digest, np.uint32)})

    def load_slabs(self) -> dict[tuple[int, int], int]:
        """Return the ranges of slices that are marked as finished, and their digests."""
        found = {}
        for name in self.checkpoint.names():
            bounds, kept = _SLAB.fullmatch(name), None
            if bounds:
                kept = self.checkpoint.load(name)
            if bounds and kept:
                found[int(bounds[1]), int(bounds[2])] = int(kept["digest"])
        return found

    def close(self, error: BaseException | None) -> None:
        """Remove what is kept, unless the run was ended by something that another start does not meet again."""
        with self._stack:
            if self._checkpoint is None:  # not opened: it is not ours
                if self.folder.is_dir() and not any(self.folder.iterdir()):
                    self.folder.rmdir()
                return
            worth = any(_SLAB.fullmatch(name) for name in self._checkpoint.names())
            if error is None or isinstance(error, InputError | FormatError) or not worth:
                shutil.rmtree(self.folder, ignore_errors=True)
            else:
                for left in self.folder.glob("lines*.raw"):
                    left.unlink()
                logger.warning(
                    "finished slices are kept in %s: the same command with --resume goes on after them", self.folder
                )


@contextmanager
def kept_slabs(output: Path) -> Iterator[KeptSlabs]:
    """Yield what a run keeps: it stays when the run is ended before its time, and is removed when it is complete.

    Parameters
    ----------
    output : Path
        Volume of the run.
    """
    kept = KeptSlabs(output)
    try:
        yield kept
    except BaseException as error:
        kept.close(error)
        raise
    kept.close(None)
