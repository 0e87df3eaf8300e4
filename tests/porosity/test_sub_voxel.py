import numpy as np
import pytest

from porosity import pore_size_distribution
from volio import InputError


def slit(width: float, offset: float) -> np.ndarray:
    """Grey values of a dark slit: the share of solid of each voxel."""
    edges = np.arange(41) - 20.0
    low, high = offset - width / 2, offset + width / 2
    inside = np.clip(np.minimum(edges[1:], high) - np.maximum(edges[:-1], low), 0, 1)
    return np.broadcast_to(1 - inside[:, None, None], (40, 12, 12)).copy()


@pytest.mark.parametrize("bright", [False, True])
def test_grey_values_tell_the_width_of_a_slit_better_than_voxels_do(bright: bool) -> None:
    rng = np.random.default_rng(0)
    plain, mended = [], []
    for _ in range(12):
        width, offset = rng.uniform(9, 13), rng.uniform(-0.5, 0.5)
        grey = slit(width, offset)
        sizes = pore_size_distribution(
            grey < 0.5, voxel_size=0.5, grey=1 - grey if bright else grey, threshold=0.5, threads=1
        )
        plain.append(sizes.r50 / 0.5 - width / 2)
        mended.append(sizes.sub_voxel.r50 / 0.5 - width / 2)
    assert np.mean(np.square(mended)) < 0.5 * np.mean(np.square(plain))
    assert sizes.sub_voxel.resolution == 0.125


def test_the_segmentation_holds_where_the_threshold_says_otherwise() -> None:
    grey = slit(11, 0.2)
    pores = grey < 0.5
    grey[:, :2] = 0.0  # a bright artefact that was cleaned away
    sizes = pore_size_distribution(pores, voxel_size=1, grey=grey, threshold=0.5)
    assert sizes.sub_voxel.r50 == pytest.approx(5.5, abs=0.6)
    walled = pore_size_distribution(pores, voxel_size=1, grey=grey, threshold=0.5, walls="all")
    assert walled.sub_voxel.mean_radius < sizes.sub_voxel.mean_radius


def test_what_contradicts_the_pores_is_refused() -> None:
    grey = slit(11, 0.0)
    pores = grey < 0.5
    broken = grey.copy()
    broken[0, 0, 0] = np.nan
    for options, said in (
        ({"grey": grey}, "both grey and threshold"),
        ({"threshold": 0.5}, "both grey and threshold"),
        ({"grey": grey[1:], "threshold": 0.5}, "same shape"),
        ({"grey": broken, "threshold": 0.5}, "NaN"),
        ({"grey": np.random.default_rng(0).random(grey.shape), "threshold": 0.5}, "only 5"),
    ):
        with pytest.raises(InputError, match=said):
            pore_size_distribution(pores, voxel_size=1, **options)
