"""Filters for noisy and blurred volumes of any size: median, Gaussian, non-local means, diffusion, unsharp mask.

All work block by block with as many voxels around a block as the filter looks, so that the result is that of the whole
volume to the last bit. Beyond the faces the volume is mirrored.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from segmentation.blockwise import map_blocks
from segmentation.inputs import as_volume, extend_metadata, is_whole
from volio import InputError, Volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["diffuse", "sharpen", "smooth_gaussian", "smooth_median", "smooth_nonlocal"]

#: Standard deviations at which a Gaussian ends.
TRUNCATE: Final = 4.0
#: Largest stable step of explicit diffusion with six neighbours.
_RATE: Final = 1 / 6


def smooth_median(
    volume: Volume,
    *,
    size: int = 3,
    target: str | Path | None = None,
    overwrite: bool = False,
    threads: int | None = None,
    progress: bool = False,
) -> Volume:
    """Replace each voxel by the median of the cube around it: removes single wrong voxels, keeps edges.

    Parameters
    ----------
    volume : Volume or array, shape (z, y, x)
        Grey values or labels; the type is kept.
    size : int
        Edge of the cube: an odd number of voxels.
    target : path, optional
        Where to write the result, as a rule ``NAME.ome.zarr``; without it, it is in memory.
    overwrite : bool
        Replace an existing target.
    threads : int, optional
        How many blocks at once; the result does not depend on it.
    progress : bool
        Show a bar.

    Returns
    -------
    Volume

    Raises
    ------
    InputError
        If `size` is not an odd number of at least 3, or voxels are NaN.
    """
    from scipy import ndimage

    if not is_whole(size) or size < 3 or size % 2 == 0:
        raise InputError(f"size must be an odd number of voxels of at least 3, got {size!r}")
    grey = as_volume(volume)

    def function(block: "NDArray[Any]") -> "NDArray[Any]":
        return _core(ndimage.median_filter(block, size, mode="nearest"), size // 2)

    entry = {"filter": "median", "size": size}
    return _filtered(grey, function, size // 2, entry, target, overwrite, threads, progress, dtype=grey.dtype)


def smooth_gaussian(
    volume: Volume,
    *,
    sigma: float = 1.0,
    target: str | Path | None = None,
    overwrite: bool = False,
    threads: int | None = None,
    progress: bool = False,
) -> Volume:
    """Smooth with a Gaussian, cut off at four standard deviations.

    Parameters
    ----------
    volume : Volume or array, shape (z, y, x)
        Grey values.
    sigma : float
        Standard deviation in voxels.
    target, overwrite, threads, progress
        See `smooth_median`.

    Returns
    -------
    Volume
        float32.

    Raises
    ------
    InputError
        If `sigma` is not positive, or voxels are NaN.
    """
    reach = _reach(sigma)

    def function(block: "NDArray[Any]") -> "NDArray[Any]":
        return _core(_gaussian(block.astype(np.float32), sigma), reach)

    entry = {"filter": "gaussian", "sigma": float(sigma)}
    return _filtered(as_volume(volume), function, reach, entry, target, overwrite, threads, progress)


def sharpen(
    volume: Volume,
    *,
    sigma: float = 1.0,
    amount: float = 1.0,
    target: str | Path | None = None,
    overwrite: bool = False,
    threads: int | None = None,
    progress: bool = False,
) -> Volume:
    """Sharpen with an unsharp mask: add `amount` times what a Gaussian takes away.

    Parameters
    ----------
    volume : Volume or array, shape (z, y, x)
        Grey values.
    sigma : float
        Standard deviation of the Gaussian in voxels, about that of the blur.
    amount : float
        Weight of the fine detail that is added. Noise grows by about 1 + `amount`.
    target, overwrite, threads, progress
        See `smooth_median`.

    Returns
    -------
    Volume
        float32.

    Raises
    ------
    InputError
        If `sigma` or `amount` is not positive, or voxels are NaN.
    """
    if not amount > 0:
        raise InputError(f"amount must be positive, got {amount}: 1 doubles what a Gaussian takes away")
    reach = _reach(sigma)

    def function(block: "NDArray[Any]") -> "NDArray[Any]":
        grey = block.astype(np.float32)
        return _core(grey + np.float32(amount) * (grey - _gaussian(grey, sigma)), reach)

    entry = {"filter": "unsharp", "sigma": float(sigma), "amount": float(amount)}
    return _filtered(as_volume(volume), function, reach, entry, target, overwrite, threads, progress)


def diffuse(
    volume: Volume,
    *,
    conductance: float,
    steps: int = 10,
    law: Literal["exponential", "inverse"] = "exponential",
    target: str | Path | None = None,
    overwrite: bool = False,
    threads: int | None = None,
    progress: bool = False,
) -> Volume:
    """Smooth by anisotropic diffusion: inside phases, and not across edges steeper than `conductance`.

    Parameters
    ----------
    volume : Volume or array, shape (z, y, x)
        Grey values.
    conductance : float
        Difference of neighbouring grey values at which diffusion fades: above the noise, below the step between phases.
    steps : int
        Number of steps; each looks one voxel farther.
    law : {"exponential", "inverse"}
        exp(-(d / K)^2), which prefers steep edges, or 1 / (1 + (d / K)^2), which prefers large regions.
    target, overwrite, threads, progress
        See `smooth_median`.

    Returns
    -------
    Volume
        float32.

    Raises
    ------
    InputError
        If an option is not usable, or voxels are NaN.

    Notes
    -----
    P. Perona and J. Malik, IEEE Trans. Pattern Anal. Mach. Intell. 12 (1990) 629-639, doi:10.1109/34.56205, in three
    dimensions with the largest stable step, 1/6.
    """
    from segmentation._kernels_filters import diffuse_step

    if not conductance > 0:
        raise InputError(f"conductance must be a positive difference of grey values, got {conductance}")
    if not is_whole(steps) or steps < 1:
        raise InputError(f"steps must be a whole number of at least 1, got {steps!r}")
    if law not in ("exponential", "inverse"):
        raise InputError(f"law must be exponential or inverse, got {law!r}")
    number = ("exponential", "inverse").index(law)

    def function(block: "NDArray[Any]") -> "NDArray[Any]":
        now = block.astype(np.float32)
        for _ in range(steps):
            after = np.empty_like(now)
            diffuse_step(now, np.float32(conductance), np.float32(_RATE), number, after)
            now = np.ascontiguousarray(_core(after, 1))
        return now

    entry = {"filter": "diffusion", "conductance": float(conductance), "steps": steps, "law": law}
    return _filtered(as_volume(volume), function, steps, entry, target, overwrite, threads, progress)


def smooth_nonlocal(
    volume: Volume,
    *,
    noise: float,
    strength: float = 0.8,
    search: int = 3,
    patch: int = 1,
    target: str | Path | None = None,
    overwrite: bool = False,
    threads: int | None = None,
    progress: bool = False,
) -> Volume:
    """Smooth by non-local means: average voxels whose surroundings look alike.

    Parameters
    ----------
    volume : Volume or array, shape (z, y, x)
        Grey values.
    noise : float
        Standard deviation of the noise in grey values.
    strength : float
        Width of the weights over `noise`: larger values smooth more.
    search : int
        How far it is looked for alike voxels: a cube of 2 `search` + 1.
    patch : int
        Surroundings that are compared: a cube of 2 `patch` + 1.
    target, overwrite, threads, progress
        See `smooth_median`.

    Returns
    -------
    Volume
        float32.

    Raises
    ------
    InputError
        If an option is not usable, or voxels are NaN.

    Notes
    -----
    A. Buades, B. Coll and J.-M. Morel, Multiscale Model. Simul. 4 (2005) 490-530, doi:10.1137/040616024. The squared
    difference of two patches is taken less what noise makes of it, 2 `noise`^2.
    """
    from segmentation._kernels_filters import weigh_offset

    for name, value in (("noise", noise), ("strength", strength)):
        if not value > 0:
            raise InputError(f"{name} must be positive, got {value}")
    for name, number in (("search", search), ("patch", patch)):
        if not is_whole(number) or number < 1:
            raise InputError(f"{name} must be a whole number of voxels of at least 1, got {number!r}")
    scale, floor = np.float32(1 / (strength * noise) ** 2), np.float32(2 * noise**2)
    span = range(-search, search + 1)

    def function(block: "NDArray[Any]") -> "NDArray[Any]":
        grey = np.ascontiguousarray(block, np.float32)
        total = np.zeros([n - 2 * (search + patch) for n in grey.shape], np.float32)
        weights, squares, sums = np.zeros_like(total), np.empty_like(grey), np.empty_like(grey)
        for dz in span:
            for dy in span:
                for dx in span:
                    weigh_offset(grey, search, patch, dz, dy, dx, scale, floor, squares, sums, total, weights)
        return total / weights

    entry = {"filter": "non-local means", "noise": float(noise), "strength": float(strength)}
    entry |= {"search": search, "patch": patch}
    return _filtered(as_volume(volume), function, search + patch, entry, target, overwrite, threads, progress)


def _filtered(
    grey: Volume,
    function: "Callable[[NDArray[Any]], NDArray[Any]]",
    halo: int,
    entry: dict[str, Any],
    target: str | Path | None,
    overwrite: bool,
    threads: int | None,
    progress: bool,
    *,
    dtype: Any = np.float32,
) -> Volume:
    return map_blocks(
        grey,
        function,
        dtype=dtype,
        halo=halo,
        target=target,
        overwrite=overwrite,
        threads=threads,
        progress=progress,
        metadata=extend_metadata(grey, filters=[*grey.metadata.get("filters", ()), entry]),
    )


def _reach(sigma: float) -> int:
    if not sigma > 0:
        raise InputError(f"sigma must be a positive number of voxels, got {sigma}")
    return int(TRUNCATE * sigma + 0.5)


def _gaussian(block: "NDArray[np.float32]", sigma: float) -> "NDArray[np.float32]":
    from scipy import ndimage

    smooth: NDArray[np.float32] = ndimage.gaussian_filter(block, sigma, mode="nearest", truncate=TRUNCATE)
    return smooth


def _core(block: "NDArray[Any]", reach: int) -> "NDArray[Any]":
    return block[(slice(reach, -reach or None),) * 3]
