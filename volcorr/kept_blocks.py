"""Finished blocks of a run, kept beside its result until that is complete: what ``--resume`` goes on from."""

import logging
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from volio.checkpoint import Checkpoint, open_checkpoint
from volio.kept_folder import claim_folder, empty_folder, kept_folder
from volio.staging import remove_unfinished

__all__ = ["KeptBlocks", "kept_blocks", "left_over"]

logger = logging.getLogger(__name__)

#: Blocks of measurement points, and all that depends on how points were cut into blocks.
POINTS = "points-"
CUT_KINDS = (POINTS, "repair-")
#: How they were cut.
CUT = "cut"


def left_over(output: Path) -> int:
    """Return how many finished blocks an earlier run of `output` has left."""
    return _count(kept_folder(output))


class KeptBlocks:
    """The finished blocks of one run.

    Parameters
    ----------
    output : Path
        Result folder of the run.
    """

    def __init__(self, output: Path) -> None:
        self.output = output
        self.folder = kept_folder(output)
        self._identity: dict[str, Any] | None = None
        self._stack = ExitStack()

    def open(self, identity: Mapping[str, Any], *, resume: bool, working: Path) -> None:
        """Take up what an earlier run has left, or start afresh.

        Parameters
        ----------
        identity : mapping
            All that the blocks depend on.
        resume : bool
            Go on with the blocks of an earlier run; else they are dropped, and a warning says so.
        working : Path
            Unfinished result folder of this run; those of earlier runs that were killed are removed.

        Raises
        ------
        InputError
            With `resume`, the earlier run was another: the message says what differs.
        OutputError
            Another run works on the same output, or the folder cannot be written.
        """
        self.folder.mkdir(exist_ok=True)
        claimed = claim_folder(self.folder, self.output, self._stack)
        found = left_over(self.output)
        if found and not resume:
            logger.warning(
                "%d finished blocks of an earlier run of %s are dropped: --resume would have gone on with them",
                found,
                self.output,
            )
        if not resume:
            empty_folder(self.folder)
        open_checkpoint(self.folder, identity, resume=resume)
        self._identity = dict(identity)
        if claimed:
            remove_unfinished(self.output, working=working)

    def of(self, name: str | None = None) -> Checkpoint:
        """Return where the blocks of the run are kept, or of one part of it (a step of a series)."""
        if name is None:
            return Checkpoint(self.folder)
        return open_checkpoint(self.folder / name, {**(self._identity or {}), "part": name}, resume=True)

    def limit(self, memory: int | None, *, free: int, workers: int) -> int:
        """Return the memory by which blocks are cut: that of the blocks of an earlier run where none is asked for.

        So they are cut alike although other memory is free now, and can be used. Blocks that were cut in another way
        never match, as their names tell what is in them: they are dropped, so that `points` counts those of the result.

        Parameters
        ----------
        memory : int, optional
            Bytes that were asked for.
        free : int
            Bytes that may be taken where none are asked for.
        workers : int
            How many blocks are to be in work at a time.
        """
        checkpoint = self.of()
        found = checkpoint.load(CUT)
        earlier = None if found is None else int(found["memory"])
        # what was free then need not be free to the byte again
        now = memory or (earlier if earlier is not None and earlier <= 2 * free else free)
        if found is not None and (earlier, int(found["workers"])) != (now, workers):
            cut = [file for kind in CUT_KINDS for file in self.folder.rglob(f"{kind}*.npz")]
            if cut:
                logger.warning("memory or workers are not as before: %d finished blocks cannot be used", len(cut))
            for file in cut:
                file.unlink()
        checkpoint.save(CUT, {"memory": now, "workers": workers})
        return now

    @property
    def points(self) -> int:
        """How many blocks of points are finished."""
        return len(list(self.folder.rglob(f"{POINTS}*.npz")))

    def close(self, *, complete: bool) -> None:
        """Remove what is kept when the run is `complete`; else say that it is there, if there is any."""
        with self._stack:
            if self._identity is None:  # not opened: it is not ours
                return
            kept = _count(self.folder)
            if complete or not kept:
                shutil.rmtree(self.folder, ignore_errors=True)
            else:
                logger.warning(
                    "%d finished blocks are kept in %s: the same command with --resume goes on after them",
                    kept,
                    self.folder,
                )


@contextmanager
def kept_blocks(output: Path) -> Iterator[KeptBlocks]:
    """Yield the blocks of a run, which stay when it is ended before its time and are removed when it is complete.

    Parameters
    ----------
    output : Path
        Result folder of the run.
    """
    kept = KeptBlocks(output)
    try:
        yield kept
    except BaseException:
        kept.close(complete=False)
        raise
    kept.close(complete=True)


def _count(folder: Path) -> int:
    return sum(file.stem != CUT for file in folder.rglob("*.npz"))
