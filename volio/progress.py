"""Progress of work that takes longer than two seconds."""

import logging
import sys
import time
from types import TracebackType
from typing import Any, Protocol, Self

__all__ = ["Progress", "SupportsUpdate"]

logger = logging.getLogger(__name__)


class SupportsUpdate(Protocol):
    """Anything that can be told how much more was done."""

    def update(self, n: int = 1) -> None:
        """Count `n` more units as done."""
        ...


class Progress:
    """A progress bar on a terminal, else a log line (level INFO) at each tenth; silent for the first seconds.

    Parameters
    ----------
    total : int
        How many units there are.
    unit : str, default: "points"
        What is counted.
    label : str, default: "correlating"
        What is being done.
    delay : float, default: 2.0
        Seconds before anything is shown.

    Examples
    --------
    >>> with Progress(3, unit="slices", label="reading") as progress:
    ...     for _ in range(3):
    ...         progress.update()
    """

    def __init__(self, total: int, unit: str = "points", label: str = "correlating", *, delay: float = 2.0) -> None:
        self.total = int(total)
        self.unit = unit
        self.label = label
        self.delay = delay
        self.done = 0
        self._skipped = 0
        self._start = time.monotonic()
        self._tenth = 0
        self._bar: Any = None

    def __enter__(self) -> Self:
        self._start = time.monotonic()
        if sys.stderr is not None and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=self.total, unit=f" {self.unit}", unit_scale=True, desc=self.label, delay=self.delay)
        return self

    def update(self, n: int = 1) -> None:
        """Count `n` more units as done."""
        self.done += n
        if self._bar is not None:
            self._bar.update(n)
            return
        tenth = 10 * self.done // self.total if self.total > 0 else 10
        seconds = time.monotonic() - self._start
        if tenth > self._tenth and seconds >= self.delay:
            self._tenth = tenth
            left = seconds * max(self.total - self.done, 0) / max(self.done - self._skipped, 1)
            logger.info(
                "%s: %d %% (%d of %d %s), about %.0f s left",
                self.label, 10 * tenth, self.done, self.total, self.unit, left,
            )  # fmt: skip

    def skip(self, n: int = 1) -> None:
        """Count `n` units as done by an earlier run: rate and time left are those of the others."""
        self.done += n
        self._skipped += n
        self._tenth = 10 * self.done // self.total if self.total > 0 else 10
        if self._bar is not None:
            self._bar.initial += n
            self._bar.n += n
            self._bar.last_print_n += n
        elif self.done:
            logger.info("%s: %d of %d %s were done by an earlier run", self.label, self.done, self.total, self.unit)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
