"""What a voxel's surroundings look like, at several scales: the features that a pixel classifier decides by."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, Unpack, cast, get_args

import numpy as np

from segmentation.blockwise import BlockOptions, crop_margin, map_blocks
from segmentation.inputs import as_volume, extend_metadata
from volio import InputError, Volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FeatureKind", "FeatureSet", "compute_feature"]

FeatureKind = Literal["grey", "gaussian", "gradient", "laplacian", "hessian", "structure"]

#: Standard deviations at which a Gaussian ends.
_TRUNCATE: Final = 3.0
#: The structure tensor is averaged over this part of the scale.
_OUTER: Final = 0.5
_COUNT: Final = {"gaussian": 1, "gradient": 1, "laplacian": 1, "hessian": 3, "structure": 3}


@dataclass(frozen=True)
class FeatureSet:
    """Which features, at which scales.

    Parameters
    ----------
    kinds : sequence of {"grey", "gaussian", "gradient", "laplacian", "hessian", "structure"}
        The grey value as it is; smoothed by a Gaussian; length of the gradient of that; its Laplacian; the three
        eigenvalues of its Hessian (sheets, tubes, blobs), and of its structure tensor (edges and how they run), largest
        first.
    sigmas : sequence of float
        Standard deviations of the Gaussians in voxels.

    Raises
    ------
    InputError
        If a kind is unknown, a sigma is not positive, or one is named twice.

    Notes
    -----
    The choice of features follows S. Berg et al., "ilastik: interactive machine learning for (bio)image analysis",
    Nature Methods 16 (2019) 1226-1232, doi:10.1038/s41592-019-0582-9. Derivatives are differences of the smoothed
    volume between neighbouring voxels; Gaussians end at 3 sigma, the structure tensor is averaged over sigma / 2.
    """

    kinds: tuple[FeatureKind, ...] = ("grey", "gaussian", "gradient", "laplacian", "hessian", "structure")
    sigmas: tuple[float, ...] = (1.0, 2.0, 4.0)

    def __post_init__(self) -> None:
        kinds, sigmas = tuple(self.kinds), tuple(float(sigma) for sigma in self.sigmas)
        unknown = [kind for kind in kinds if kind not in get_args(FeatureKind)]
        if unknown:
            raise InputError(f"feature {unknown[0]!r} is not known: choose from {', '.join(get_args(FeatureKind))}")
        if not kinds or len(set(kinds)) < len(kinds) or len(set(sigmas)) < len(sigmas):
            raise InputError(f"each feature and sigma must be named once, got {kinds} and {sigmas}")
        if not all(sigma > 0 for sigma in sigmas) or (not sigmas and kinds != ("grey",)):
            raise InputError(f"sigmas must be positive numbers of voxels, got {sigmas}")
        object.__setattr__(self, "kinds", kinds)
        object.__setattr__(self, "sigmas", sigmas)

    @property
    def names(self) -> list[str]:
        """Names of the features in their order, such as "hessian 2 (sigma 1.6)"."""
        names = ["grey"] if "grey" in self.kinds else []
        for sigma in self.sigmas:
            for kind in self._scaled:
                number = _COUNT[kind]
                names += [f"{kind}{f' {n + 1}' if number > 1 else ''} (sigma {sigma:g})" for n in range(number)]
        return names

    @property
    def halo(self) -> int:
        """How far the features look, in voxels."""
        return max((self._reach(sigma) for sigma in self.sigmas), default=0) if self._scaled else 0

    @property
    def _scaled(self) -> list[str]:
        return [kind for kind in _COUNT if kind in self.kinds]

    def _reach(self, sigma: float) -> int:
        derived = any(kind != "gaussian" for kind in self._scaled)
        return _radius(sigma) + derived + (_radius(_OUTER * sigma) if "structure" in self.kinds else 0)

    def compute(self, block: "NDArray[Any]") -> "NDArray[np.float32]":
        """Compute all features of a block.

        Parameters
        ----------
        block : array, shape (z, y, x)
            Grey values, with `halo` more voxels on each side.

        Returns
        -------
        (n, z, y, x) float32 array
            Without the halo, in the order of `names`.
        """
        grey = np.ascontiguousarray(block, np.float32)
        shape = tuple(n - 2 * self.halo for n in grey.shape)
        out = np.empty((len(self.names), *shape), np.float32)
        place = 0
        if "grey" in self.kinds:
            out[0] = crop_margin(grey, self.halo)
            place = 1
        for sigma in self.sigmas:
            part = np.ascontiguousarray(crop_margin(grey, self.halo - self._reach(sigma))) if self._scaled else grey
            place = self._add(part, sigma, out, place)
        return out

    def _add(self, grey: "NDArray[np.float32]", sigma: float, out: "NDArray[np.float32]", place: int) -> int:
        """Put the features of one scale into `out` from `place` on, and return the next place."""
        from segmentation import _kernels_features as kernels

        shape = out.shape[1:]
        smooth = _gaussian(grey, sigma)  # with a margin of what the derivatives need
        margin = (smooth.shape[0] - shape[0]) // 2
        near = np.ascontiguousarray(crop_margin(smooth, margin - 1)) if margin else smooth
        slope = np.empty((3, *(n - 2 for n in smooth.shape)), np.float32)
        if {"gradient", "structure"} & set(self.kinds):
            kernels.gradient(smooth, slope)
        curve = np.empty((6, *shape), np.float32)
        if {"laplacian", "hessian"} & set(self.kinds):
            kernels.hessian(near, curve)
        for kind in self._scaled:
            part = out[place : place + _COUNT[kind]]
            if kind == "gaussian":
                part[0] = crop_margin(smooth, margin)
            elif kind == "gradient":
                centre = np.ascontiguousarray(crop_margin(slope, margin - 1))
                kernels.magnitude(centre.reshape(3, -1), part.reshape(-1))
            elif kind == "laplacian":
                part[0] = curve[0] + curve[1] + curve[2]
            elif kind == "hessian":
                kernels.eigenvalues(curve.reshape(6, -1), part.reshape(3, -1))
            else:
                products = np.empty((6, *slope.shape[1:]), np.float32)
                kernels.outer_products(slope.reshape(3, -1), products.reshape(6, -1))
                tensor = np.stack([_gaussian(product, _OUTER * sigma) for product in products])
                kernels.eigenvalues(tensor.reshape(6, -1), part.reshape(3, -1))
            place += _COUNT[kind]
        return place


def compute_feature(
    volume: Volume,
    *,
    kind: FeatureKind = "gaussian",
    sigma: float = 1.0,
    number: int = 1,
    **options: Unpack[BlockOptions],
) -> Volume:
    """Compute one feature of a volume of any size, to look at it.

    Parameters
    ----------
    volume : Volume or array, shape (z, y, x)
        Grey values.
    kind : {"grey", "gaussian", "gradient", "laplacian", "hessian", "structure"}
        See `FeatureSet`.
    sigma : float
        Scale in voxels.
    number : int
        Which of the three eigenvalues, from 1, the largest.
    **options
        Target, threads, executor and more: see `segmentation.blockwise.BlockOptions`.

    Returns
    -------
    Volume
        float32.

    Raises
    ------
    InputError
        If an option is not usable, or voxels are NaN.
    """
    features = FeatureSet((kind,), (sigma,))
    if not 1 <= number <= len(features.names):
        raise InputError(f"{kind} has {len(features.names)} values, got number {number}: count from 1")
    grey = as_volume(volume)
    return map_blocks(
        grey,
        partial(_one_feature, features, number - 1),
        dtype=np.float32,
        halo=features.halo,
        label="computing features",
        metadata=extend_metadata(grey, feature=features.names[number - 1]),
        **options,
    )


def _one_feature(features: FeatureSet, number: int, block: "NDArray[Any]") -> "NDArray[np.float32]":
    return np.asarray(features.compute(block)[number])


def make_feature_set(kinds: Sequence[str], sigmas: Sequence[float]) -> FeatureSet:
    """Return the features that a file names.

    Parameters
    ----------
    kinds : sequence of str
        See `FeatureSet`.
    sigmas : sequence of float
        In voxels.

    Raises
    ------
    InputError
        If one is not known.
    """
    return FeatureSet(cast("tuple[FeatureKind, ...]", tuple(kinds)), tuple(sigmas))


def _radius(sigma: float) -> int:
    return max(int(np.ceil(_TRUNCATE * sigma)), 1)


def _gaussian(block: "NDArray[np.float32]", sigma: float) -> "NDArray[np.float32]":
    """Smooth; the result is smaller by the radius of the Gaussian on each side."""
    from segmentation import _kernels_features as kernels

    radius = _radius(sigma)
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    weights = (taps / taps.sum()).astype(np.float32)
    z, y, x = (n - 2 * radius for n in block.shape)
    first = np.empty((z, *block.shape[1:]), np.float32)
    kernels.convolve_rows(block.reshape(1, block.shape[0], -1), weights, first.reshape(1, z, -1))
    second = np.empty((z, y, block.shape[2]), np.float32)
    kernels.convolve_rows(first, weights, second)
    third = np.empty((z, y, x), np.float32)
    kernels.convolve_along(second.reshape(z * y, -1), weights, third.reshape(z * y, -1))
    return third
