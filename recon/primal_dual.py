"""The iteration behind total variation: primal-dual steps, preconditioned with the ramp filter.

Sought is the slice x with the least ``1/2 |A x - b|^2 + weight * TV(x)``, A the projector, b the line integrals and TV
the sum of the lengths of all differences to the next pixels along y and x (Rudin, Osher and Fatemi,
doi:10.1016/0167-2789(92)90242-F). The steps are those of Chambolle and Pock (doi:10.1007/s10851-010-0251-1; for
tomography Sidky, Jorgensen and Pan, doi:10.1088/0031-9155/57/10/3065). Their dual step is a symmetric positive matrix
here (as allowed by Pock and Chambolle, doi:10.1109/ICCV.2011.6126441): a ramp filter along the detector, without which
coarse detail converges a hundred times faster than fine detail.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from recon._kernels_total_variation import add_variation, ascend, descend
from recon.projectors import Projector
from recon.slice_lanes import CELLS, make_lines
from volio.blocks import run_blocks
from volio.simd import LANES

__all__ = ["Preconditioner", "PrimalDual", "make_preconditioner"]

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

#: Slope of the dual step size with frequency; the speed hardly depends on it from half to twice of it.
_SLOPE: Final = 0.5
#: Steps of the power iteration, and what its result, which grows, is multiplied by to be safe.
_POWERS, _SAFETY = 20, 1.05
#: Largest squared norm of the differences of an image.
_DIFFERENCES: Final = 8.0


@dataclass(frozen=True, eq=False)
class Preconditioner:
    """Step sizes that suit a projector; made by `make_preconditioner`.

    Attributes
    ----------
    response : array, shape (frequencies,)
        What part of a new residual is taken over, by frequency.
    samples : int
        Points of the transform of a detector row.
    image_step, difference_step : float
        Step sizes of the image and of the duals of its differences.
    """

    response: Singles
    samples: int
    image_step: float
    difference_step: float

    def filter(self, lines: Singles, *, threads: int = 1) -> None:
        """Filter lines of a sinogram along the detector, in place."""
        _filter(lines, self.response, self.samples, threads)


def make_preconditioner(projector: Projector, *, threads: int = 1) -> Preconditioner:
    """Return the step sizes with which the iteration converges.

    The norm of the filtered projector is found by power iteration from a start that is always the same.
    """
    from scipy.fft import next_fast_len, rfftfreq

    samples = int(next_fast_len(projector.columns, real=True))
    steps = _SLOPE * (np.abs(rfftfreq(samples)) + 0.5 / samples)
    image = make_lines(*projector.mask.shape)
    start = np.random.default_rng(0).normal(size=projector.mask.shape)
    image[:, CELLS] = (start * projector.mask)[:, :, None]
    norm = _length(image)
    for _ in range(_POWERS):
        image *= np.float32(1.0 / norm)
        lines = projector.project_lanes(image, threads=threads)
        _filter(lines, steps.astype(np.float32), samples, threads)
        image = projector.back_project_lanes(lines, threads=threads)
        norm = _length(image)
    image_step = 0.5 / (_SAFETY * norm)  # half of what is allowed is for the lines, half for the differences
    response = (steps / (1.0 + steps)).astype(np.float32)
    return Preconditioner(response, samples, image_step, 0.5 / (_DIFFERENCES * image_step))


class PrimalDual:
    """Iterates on at most LANES slices; the state is kept, so that the next weight starts where the last one ended.

    Parameters
    ----------
    projector : Projector
        The geometry.
    steps : Preconditioner
        Of this projector.
    rows : (angles, cells, LANES) float32 array
        Line integrals, as `recon.slice_lanes` lays them out.
    nonnegative : bool
        Whether the attenuation must not be negative.
    threads : int
        How many compute; the answer does not depend on it.
    """

    def __init__(
        self, projector: Projector, steps: Preconditioner, rows: Singles, *, nonnegative: bool, threads: int
    ) -> None:
        self.projector, self.steps, self.rows, self.threads = projector, steps, rows, threads
        self.lowest = 0.0 if nonnegative else -np.inf
        self.image = make_lines(*projector.mask.shape)
        self.before = self.image.copy()
        self.duals = np.zeros((2, *self.image.shape), np.float32)
        self.lines = np.zeros_like(rows)  # of the image
        self.ahead = np.zeros_like(rows)  # of the image ahead
        self.residual = np.zeros_like(rows)  # the dual of the lines

    def step(self, weight: float) -> None:
        """Make one iteration."""
        update = self.ahead - self.rows
        update -= self.residual
        self.steps.filter(update, threads=self.threads)
        self.residual += update
        parts = [(int(part[0]), int(part[-1]) + 1) for part in self._parts()]
        image, before, duals = _flat(self.image), _flat(self.before), self.duals.reshape(2, len(self.image), -1)

        def dual(part: tuple[int, int]) -> None:
            ascend(image, before, self.steps.difference_step, weight, *part, duals)

        run_blocks(dual, parts, threads=self.threads)
        gradient = _flat(self.projector.back_project_lanes(self.residual, threads=self.threads))
        spans = self.projector.spans

        def primal(part: tuple[int, int]) -> None:
            # the iterate before the last one is no longer needed: the next one takes its place
            descend(image, gradient, duals, spans, self.steps.image_step, self.lowest, *part, before)

        run_blocks(primal, parts, threads=self.threads)
        self.image, self.before = self.before, self.image
        lines = self.projector.project_lanes(self.image, threads=self.threads)
        self.ahead = 2.0 * lines - self.lines
        self.lines = lines

    def change(self) -> Floats:
        """Return by what part of its length each slice (LANES,) changed in the last iteration."""
        moved = np.sum((self.image - self.before) ** 2, axis=(0, 1), dtype=np.float64)
        length = np.sum(self.image**2, axis=(0, 1), dtype=np.float64)
        return np.sqrt(moved / np.maximum(length, np.finfo(np.float64).tiny))

    def misfit(self) -> Floats:
        """Return the mean square of the residual of each slice (LANES,)."""
        rest = (self.lines - self.rows)[:, CELLS]
        misfit: Floats = np.mean(rest**2, axis=(0, 1), dtype=np.float64)
        return misfit

    def variation(self) -> Floats:
        """Return the total variation of each slice (LANES,)."""
        sums = np.zeros(LANES)
        add_variation(_flat(self.image), sums)
        return sums

    def _parts(self) -> list[npt.NDArray[np.int64]]:
        return [part for part in np.array_split(np.arange(len(self.image)), self.threads) if part.size]


def _length(image: Singles) -> float:
    """Return the length of the slice in the first lane."""
    return float(np.sqrt(np.sum(image[..., 0] ** 2, dtype=np.float64)))


def _flat(image: Singles) -> Singles:
    return image.reshape(len(image), -1)


def _filter(lines: Singles, response: Singles, samples: int, threads: int) -> None:
    """Multiply the transform of each line of a sinogram by a response, in place."""
    from scipy.fft import irfft, rfft

    def apply(part: npt.NDArray[np.int64]) -> None:
        mine = lines[part[0] : part[-1] + 2, CELLS]
        wide = rfft(mine, samples, axis=1)
        wide *= response[:, None]
        mine[...] = irfft(wide, samples, axis=1)[:, : mine.shape[1]]

    # the transform takes some lines at a time: by twos they are always the same ones, whatever the number of threads
    parts = np.array_split(np.arange(0, len(lines), 2), threads)
    run_blocks(apply, [part for part in parts if part.size], threads=threads)
