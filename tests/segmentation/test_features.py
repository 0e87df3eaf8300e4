import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from segmentation import FeatureSet, compute_feature
from segmentation._kernels_features import eigenvalues
from segmentation.blockwise import read_padded
from volio import InputError, Volume


def compute(grey, features):
    return features.compute(read_padded(grey, tuple(slice(0, n) for n in grey.shape), features.halo))


@pytest.fixture(scope="module")
def grey(phantom) -> np.ndarray:
    return phantom.grey[:20, :23, :27].astype(np.float32)


def test_names_and_number_of_features(grey) -> None:
    features = FeatureSet()
    assert len(features.names) == 1 + 3 * 9 == len(set(features.names))
    assert features.names[0] == "grey"
    assert "hessian 3 (sigma 2)" in features.names
    assert compute(grey, features).shape == (28, *grey.shape)
    assert FeatureSet(("grey",), ()).halo == 0
    np.testing.assert_array_equal(compute(grey, FeatureSet(("grey",), ()))[0], grey)


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 10), st.integers(1, 10), st.integers(0, 12), st.integers(1, 14), st.integers(1, 15))
def test_a_block_is_the_whole_to_the_last_bit(grey, z, dz, y, dy, dx) -> None:
    features = FeatureSet(sigmas=(0.7, 1.6))
    box = (slice(z, min(z + dz, 20)), slice(y, min(y + dy, 23)), slice(27 - dx, 27))
    part = features.compute(read_padded(grey, box, features.halo))
    np.testing.assert_array_equal(part, compute(grey, features)[(slice(None), *box)])


def test_plain_formulas_agree(grey) -> None:
    sigma = 1.5
    features = FeatureSet(("gaussian", "gradient", "laplacian", "hessian", "structure"), (sigma,))
    found = compute(grey, features)
    smooth = ndimage.gaussian_filter(grey.astype(float), sigma, radius=5)
    wide = np.pad(smooth, 1, mode="symmetric")
    slope = [(np.roll(wide, -1, a) - np.roll(wide, 1, a)) / 2 for a in range(3)]
    core = (slice(1, -1),) * 3
    np.testing.assert_allclose(found[0], smooth, rtol=1e-5)
    np.testing.assert_allclose(found[1], np.sqrt(sum(s[core] ** 2 for s in slope)), atol=2e-3)
    second = [np.roll(wide, -1, a) + np.roll(wide, 1, a) - 2 * wide for a in range(3)]
    np.testing.assert_allclose(found[2], sum(s[core] for s in second), atol=2e-3)
    tensor = np.empty((*grey.shape, 3, 3))
    outer = np.empty_like(tensor)
    for a in range(3):
        for b in range(3):
            cross = (np.roll(slope[a], -1, b) - np.roll(slope[a], 1, b)) / 2 if a != b else second[a]
            tensor[..., a, b] = cross[core]
    inside = (slice(2, -2),) * 3
    expected = np.linalg.eigvalsh(tensor)[..., ::-1]
    np.testing.assert_allclose(np.moveaxis(found[3:6], 0, -1)[inside], expected[inside], atol=5e-3)
    for a in range(3):
        for b in range(3):
            outer[..., a, b] = ndimage.gaussian_filter((slope[a] * slope[b])[core], sigma / 2, radius=3)
    expected = np.linalg.eigvalsh(outer)[..., ::-1]
    far = (slice(5, -5),) * 3
    np.testing.assert_allclose(np.moveaxis(found[6:9], 0, -1)[far], expected[far], rtol=1e-3, atol=1e-2)


def test_eigenvalues_of_any_tensor_and_of_degenerate_ones() -> None:
    rng = np.random.default_rng(1)
    a = rng.normal(size=(500, 3, 3)) * 10.0 ** rng.uniform(-3, 3, (500, 1, 1))
    a += a.transpose(0, 2, 1)
    a[:3] = np.diag([2.0, 2.0, 2.0]), np.diag([3.0, 3.0, -1.0]), np.zeros((3, 3))
    a[3] = np.diag([5.0, -1.0, -1.0])
    a = a.astype(np.float32)
    tensor = np.ascontiguousarray(np.stack([a[:, i, j] for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))]))
    found = np.empty((3, 500), np.float32)
    eigenvalues(tensor, found)
    size = np.abs(a).max(axis=(1, 2))
    expected = np.linalg.eigvalsh(a.astype(float))[:, ::-1]
    assert (np.abs(found.T - expected) <= 2e-6 * size[:, None] + 1e-12).all()


@given(order=st.permutations(range(3)))
@settings(deadline=None, max_examples=4)
def test_the_order_of_axes_changes_nothing(grey, order) -> None:
    features = FeatureSet(sigmas=(1.0,))
    turned = compute(np.ascontiguousarray(grey.transpose(order)), features)
    plain = compute(grey, features).transpose(0, *(1 + a for a in order))
    np.testing.assert_allclose(turned, plain, rtol=1e-4, atol=1e-2)


def test_offset_leaves_derivatives_and_scale_carries_through(grey) -> None:
    features = FeatureSet(("gradient", "hessian", "structure"), (1.6,))
    plain, moved = compute(grey, features), compute(3 * grey + 50, features)
    np.testing.assert_allclose(moved[:4], 3 * plain[:4], rtol=1e-3, atol=1e-2)
    np.testing.assert_allclose(moved[4:], 9 * plain[4:], rtol=1e-3, atol=0.1)


def test_a_ball_is_dark_in_its_largest_eigenvalue() -> None:
    z, y, x = np.indices((21, 21, 21)) - 10
    ball = np.exp(-(z**2 + y**2 + x**2) / 18.0)
    found = compute(ball, FeatureSet(("hessian",), (1.0,)))[:, 10, 10, 10]
    np.testing.assert_allclose(found, found[0], rtol=1e-3)  # the same along all axes
    assert found[0] < 0


def test_one_feature_as_a_volume(phantom, tmp_path) -> None:
    volume = Volume(phantom.grey, voxel_size=0.5)
    found = compute_feature(volume, kind="hessian", sigma=1.6, number=2, target=tmp_path / "f.ome.zarr")
    assert found.metadata["feature"] == "hessian 2 (sigma 1.6)"
    whole = compute(phantom.grey, FeatureSet(("hessian",), (1.6,)))[1]
    np.testing.assert_array_equal(found.data[:], whole)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda v: FeatureSet(("texture",)), "feature 'texture' is not known"),
        (lambda v: FeatureSet(sigmas=(0.0,)), "sigmas must be positive"),
        (lambda v: FeatureSet(("gaussian",), ()), "sigmas must be positive"),
        (lambda v: FeatureSet(("grey", "grey")), "must be named once"),
        (lambda v: FeatureSet(()), "must be named once"),
        (lambda v: compute_feature(v, kind="gaussian", number=2), "gaussian has 1 values, got number 2"),
    ],
)
def test_bad_options_are_one_line(phantom, call, message) -> None:
    with pytest.raises(InputError, match=message):
        call(Volume(phantom.grey))
