"""Filters for noisy and blurred volumes of any size: median, Gaussian, non-local means, diffusion, unsharp mask.

All work block by block with as many voxels around a block as the filter looks, so that the result is that of the whole
volume to the last bit. Beyond the faces the volume is mirrored.
"""

import itertools
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, Unpack

import numpy as np

from segmentation.blockwise import BlockOptions, crop_margin, map_blocks
from segmentation.inputs import as_volume, extend_metadata, is_whole
from segmentation.noise import estimate_noise
from volio import InputError, Volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["diffuse", "sharpen", "smooth_gaussian", "smooth_median", "smooth_nonlocal"]

#: Standard deviations at which a Gaussian ends.
_TRUNCATE: Final = 4.0
#: Largest stable step of explicit diffusion with six neighbours.
_RATE: Final = 1 / 6
#: Diffusion fades at this many standard deviations of the noise where nobody says at which difference.
_ABOVE_NOISE: Final = 3.0


def smooth_median(
    volume: Volume,
    *,
    size: int = 3,
    **options: Unpack[BlockOptions],
) -> Volume:
    """Replace each voxel by the median of the cube around it: removes single wrong voxels, keeps edges.

    Parameters
    ----------
    volume : Volume or array, shape (z, y, x)
        Grey values or labels; the type is kept.
    size : int
        Edge of the cube: an odd number of voxels.
    **options
        Target, threads, executor and more: see `segmentation.blockwise.BlockOptions`.

    Returns
    -------
    Volume

    Raises
    ------
    InputError
        If `size` is not an odd number of at least 3, or voxels are NaN.
    """
    if not is_whole(size) or size < 3 or size % 2 == 0:
        raise InputError(f"size must be an odd number of voxels of at least 3, got {size!r}")
    grey = as_volume(volume)
    entry = {"filter": "median", "size": size}
    return _filtered(grey, partial(_median, size), size // 2, entry, grey.dtype, **options)


def smooth_gaussian(
    volume: Volume,
    *,
    sigma: float = 1.0,
    **options: Unpack[BlockOptions],
) -> Volume:
    """Smooth with a Gaussian, cut off at four standard deviations.

    Parameters
    ----------
    volume : Volume or array, shape (z, y, x)
        Grey values.
    sigma : float
        Standard deviation in voxels.
    **options
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
    entry = {"filter": "gaussian", "sigma": float(sigma)}
    return _filtered(as_volume(volume), partial(_gaussian, sigma, reach), reach, entry, **options)


def sharpen(
    volume: Volume,
    *,
    sigma: float = 1.0,
    amount: float = 1.0,
    **options: Unpack[BlockOptions],
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
    **options
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
    entry = {"filter": "unsharp", "sigma": float(sigma), "amount": float(amount)}
    return _filtered(as_volume(volume), partial(_unsharp, sigma, amount, reach), reach, entry, **options)


def diffuse(
    volume: Volume,
    *,
    conductance: float | None = None,
    steps: int = 10,
    law: Literal["exponential", "inverse"] = "exponential",
    **options: Unpack[BlockOptions],
) -> Volume:
    """Smooth by anisotropic diffusion: inside phases, and not across edges steeper than `conductance`.

    Parameters
    ----------
    volume : Volume or array, shape (z, y, x)
        Grey values.
    conductance : float, optional
        Difference of neighbouring grey values at which diffusion fades: above the noise, below the step between phases.
        Three times the noise (`estimate_noise`) when not given.
    steps : int
        Number of steps; each looks one voxel farther.
    law : {"exponential", "inverse"}
        exp(-(d / K)^2), which prefers steep edges, or 1 / (1 + (d / K)^2), which prefers large regions.
    **options
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
    if conductance is not None and not conductance > 0:
        raise InputError(f"conductance must be a positive difference of grey values, got {conductance}")
    if not is_whole(steps) or steps < 1:
        raise InputError(f"steps must be a whole number of at least 1, got {steps!r}")
    if law not in ("exponential", "inverse"):
        raise InputError(f"law must be exponential or inverse, got {law!r}")
    grey = as_volume(volume)
    limit = _ABOVE_NOISE * estimate_noise(grey) if conductance is None else float(conductance)
    entry = {"filter": "diffusion", "conductance": limit, "steps": steps, "law": law}
    function = partial(_diffuse, limit, steps, ("exponential", "inverse").index(law))
    return _filtered(grey, function, steps, entry, **options)


def smooth_nonlocal(
    volume: Volume,
    *,
    noise: float | None = None,
    strength: float = 0.8,
    search: int = 3,
    patch: int = 1,
    **options: Unpack[BlockOptions],
) -> Volume:
    """Smooth by non-local means: average voxels whose surroundings look alike.

    Parameters
    ----------
    volume : Volume or array, shape (z, y, x)
        Grey values.
    noise : float, optional
        Standard deviation of the noise in grey values; estimated (`estimate_noise`) when not given.
    strength : float
        Width of the weights over `noise`: larger values smooth more.
    search : int
        How far it is looked for alike voxels: a cube of 2 `search` + 1.
    patch : int
        Surroundings that are compared: a cube of 2 `patch` + 1.
    **options
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
    for name, value in (("noise", 1.0 if noise is None else noise), ("strength", strength)):
        if not value > 0:
            raise InputError(f"{name} must be positive, got {value}")
    for name, number in (("search", search), ("patch", patch)):
        if not is_whole(number) or number < 1:
            raise InputError(f"{name} must be a whole number of voxels of at least 1, got {number!r}")
    grey = as_volume(volume)
    scatter = estimate_noise(grey) if noise is None else float(noise)
    entry = {"filter": "non-local means", "noise": scatter, "strength": float(strength)}
    entry |= {"search": search, "patch": patch}
    return _filtered(grey, partial(_nonlocal, scatter, strength, search, patch), search + patch, entry, **options)


def _filtered(
    grey: Volume,
    function: "Callable[[NDArray[Any]], NDArray[Any]]",
    halo: int,
    entry: dict[str, Any],
    dtype: Any = np.float32,
    **options: Unpack[BlockOptions],
) -> Volume:
    metadata = extend_metadata(grey, filters=[*grey.metadata.get("filters", ()), entry])
    return map_blocks(grey, function, dtype=dtype, halo=halo, metadata=metadata, **options)


def _reach(sigma: float) -> int:
    if not sigma > 0:
        raise InputError(f"sigma must be a positive number of voxels, got {sigma}")
    return int(_TRUNCATE * sigma + 0.5)


def _median(size: int, block: "NDArray[Any]") -> "NDArray[Any]":
    from scipy import ndimage

    return crop_margin(ndimage.median_filter(block, size, mode="nearest"), size // 2)


def _blurred(sigma: float, block: "NDArray[np.float32]") -> "NDArray[np.float32]":
    from scipy import ndimage

    smooth: NDArray[np.float32] = ndimage.gaussian_filter(block, sigma, mode="nearest", truncate=_TRUNCATE)
    return smooth


def _gaussian(sigma: float, reach: int, block: "NDArray[Any]") -> "NDArray[Any]":
    return crop_margin(_blurred(sigma, block.astype(np.float32)), reach)


def _unsharp(sigma: float, amount: float, reach: int, block: "NDArray[Any]") -> "NDArray[Any]":
    grey = block.astype(np.float32)
    return crop_margin(grey + np.float32(amount) * (grey - _blurred(sigma, grey)), reach)


def _diffuse(conductance: float, steps: int, law: int, block: "NDArray[Any]") -> "NDArray[Any]":
    from segmentation._kernels_filters import diffuse_step

    now = block.astype(np.float32)
    for _ in range(steps):
        after = np.empty_like(now)
        diffuse_step(now, np.float32(conductance), np.float32(_RATE), law, after)
        now = np.ascontiguousarray(crop_margin(after, 1))
    return now


def _nonlocal(noise: float, strength: float, search: int, patch: int, block: "NDArray[Any]") -> "NDArray[Any]":
    from segmentation._kernels_filters import weigh_offset

    scale, floor = np.float32(1 / (strength * noise) ** 2), np.float32(2 * noise**2)
    grey = np.ascontiguousarray(block, np.float32)
    total = np.zeros([n - 2 * (search + patch) for n in grey.shape], np.float32)
    weights, squares, sums = np.zeros_like(total), np.empty_like(grey), np.empty_like(grey)
    for dz, dy, dx in itertools.product(range(-search, search + 1), repeat=3):
        weigh_offset(grey, search, patch, dz, dy, dx, scale, floor, squares, sums, total, weights)
    return total / weights
