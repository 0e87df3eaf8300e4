import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.sparse.linalg import spsolve

from porosity.transport import measure_transport
from volio import InputError, VolcorrError


def oracle(mask, axis, size):
    """Return the effective diffusivity by a direct solution of all voxels that are connected to a face."""
    mask = np.moveaxis(mask, axis, 0)
    size = [size[axis], *(s for i, s in enumerate(size) if i != axis)]
    number = np.full(mask.shape, -1)
    number[mask] = np.arange(mask.sum())
    n = mask.sum()
    matrix, source = sparse.lil_matrix((n, n)), np.zeros(n)
    for place in np.argwhere(mask):
        i = number[tuple(place)]
        for k in range(3):
            conductance = np.prod(size) / size[k] ** 2
            for side in (-1, 1):
                other = place.copy()
                other[k] += side
                if 0 <= other[k] < mask.shape[k]:
                    if mask[tuple(other)]:
                        matrix[i, i] += conductance
                        matrix[i, number[tuple(other)]] -= conductance
                elif k == 0:
                    matrix[i, i] += 2 * conductance
                    source[i] += 2 * conductance * (side == -1)
        matrix[i, i] += 1e-9  # what is connected to no face
    u = spsolve(matrix.tocsr(), source)
    inflow = (2 * size[1] * size[2] / size[0]) * (1 - u[number[0][mask[0]]]).sum()
    shape = np.array(mask.shape) * size
    return inflow * shape[0] / (shape[1] * shape[2])


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 999), share=st.floats(0.45, 0.9), axis=st.integers(0, 2))
def test_equals_a_direct_solution(seed, share, axis):
    mask = np.random.default_rng(seed).random((7, 8, 9)) < share
    size = (1.0, 2.0, 0.7)
    mask[0, 0, 0] = True
    found = measure_transport(mask, phase=1, axes="zyx"[axis], voxel_size=size, tolerance=1e-6)["zyx"[axis]]
    assert found.diffusivity == pytest.approx(oracle(mask, axis, size), abs=2e-4)
    assert found.converged
    assert found.imbalance < 0.01


def test_straight_tubes_and_layers():
    labels = np.zeros((12, 10, 11), int)
    labels[:, 2:6, 3:7] = 5
    found = measure_transport(labels, phase=5)
    assert found["z"].diffusivity == pytest.approx(16 / 110, rel=1e-5)
    assert found["z"].tortuosity_factor == pytest.approx(1, rel=1e-5)
    assert found["y"].diffusivity == 0
    assert found["y"].tortuosity_factor == np.inf
    assert np.isnan(found["y"].bruggeman_exponent)


def test_winding_path_of_one_voxel_has_the_tortuosity_of_its_length():
    labels = np.zeros((9, 5, 7), int)
    labels[::4, 2, 1:6] = 1
    labels[0:4, 2, 5] = labels[4:8, 2, 1] = 1
    labels[0, 2, :5] = labels[8, 2, 2:] = 0  # in at x = 5, out at x = 1
    steps = 9 + 4
    assert labels.sum() == steps
    found = measure_transport(labels, phase=1, axes="z", tolerance=1e-6)["z"]
    assert found.diffusivity == pytest.approx(9 / (5 * 7) / steps, rel=1e-4)
    assert found.tortuosity == pytest.approx(steps / 9, rel=1e-4)


def test_dilute_spheres_follow_maxwell():
    # a cubic lattice of insulating balls, fraction f: D = 2 (1 - f) / (2 + f) for small f
    z, y, x = np.ogrid[:32, :32, :32]
    ball = (z - 15.5) ** 2 + (y - 15.5) ** 2 + (x - 15.5) ** 2 < 10.2**2
    fraction = ball.mean()
    found = measure_transport(~ball, phase=1, tolerance=1e-5)
    for axis in "zyx":
        assert found[axis].diffusivity == pytest.approx(2 * (1 - fraction) / (2 + fraction), rel=0.02)
    assert found["z"].bruggeman_factor == pytest.approx((1 - fraction) ** -0.5)
    assert found["z"].bruggeman_exponent == pytest.approx(1.5, abs=0.06)


def test_closed_pores_do_not_take_part():
    labels = np.zeros((9, 9, 9), int)
    labels[:, 4, 4] = 1
    labels[3:5, 7, 7] = 1
    labels[:4, 1, 1] = labels[6:, 1, 7] = 1  # and what is open to one of the two faces only
    found = measure_transport(labels, phase=1, axes="z")["z"]
    assert found.spanning_fraction == pytest.approx(9 / 729)
    assert found.fraction == pytest.approx(18 / 729)
    assert found.diffusivity == pytest.approx(1 / 81, rel=1e-5)


def test_axes_and_threads_do_not_matter():
    labels = np.random.default_rng(4).random((14, 15, 16)) < 0.6
    found = measure_transport(labels, phase=1, threads=1)
    again = measure_transport(labels, phase=1, threads=3)
    assert again.axes == found.axes
    turned = measure_transport(labels.transpose(1, 2, 0), phase=1)
    assert turned["z"].diffusivity == pytest.approx(found["y"].diffusivity, rel=2e-4)
    assert list(found.table.index) == ["z", "y", "x"]


def test_tolerance_is_enough():
    from scipy.ndimage import gaussian_filter

    labels = gaussian_filter(np.random.default_rng(0).random((48, 48, 48)), 1.5) > 0.5
    usual, strict = (measure_transport(labels, phase=1, axes="z", tolerance=t)["z"] for t in (1e-4, 1e-6))
    assert usual.diffusivity == pytest.approx(strict.diffusivity, rel=1e-3)
    assert strict.imbalance < 1e-3


def test_too_few_iterations_are_told(caplog):
    labels = np.random.default_rng(4).random((14, 15, 16)) < 0.6
    found = measure_transport(labels, phase=1, axes="x", max_iterations=3)["x"]
    assert not found.converged
    assert found.iterations == 3
    assert "not converged after 3 iterations" in caplog.text


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"axes": "zz"}, "axes"),
        ({"axes": ""}, "axes"),
        ({"axes": "w"}, "axes"),
        ({"tolerance": 0}, "tolerance"),
        ({"max_iterations": 0}, "max_iterations"),
        ({"solver": "magic"}, "solver"),
        ({"solver": "taufactor", "voxel_size": (1, 2, 3)}, "equal edges"),
    ],
)
def test_errors_are_one_line(options, word):
    with pytest.raises(InputError, match=word) as error:
        measure_transport(np.ones((3, 3, 3)), phase=1, **options)
    assert "\n" not in str(error.value)


def test_taufactor_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "taufactor", None)
    with pytest.raises(VolcorrError, match="pip install"):
        measure_transport(np.ones((3, 3, 3)), phase=1, solver="taufactor")


def test_taufactor_gets_the_axis_and_the_options(monkeypatch):
    calls = []

    class Solver:
        def __init__(self, image, device):
            calls.append((image.shape, device))
            self.D_eff, self.iter, self.converged, self.flux_1d = np.array([0.5]), 100, np.True_, np.array([[1.0, 1.1]])

        def solve(self, **options):
            calls.append(options)

    monkeypatch.setitem(sys.modules, "taufactor", SimpleNamespace(Solver=Solver))
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: False)))
    found = measure_transport(np.ones((3, 4, 5)), phase=1, axes="y", solver="taufactor")["y"]
    assert found.diffusivity == 0.5
    assert found.imbalance == pytest.approx(0.1 / 1.05)
    assert calls == [((4, 3, 5), "cpu"), {"iter_limit": 5000, "conv_crit": 0.01, "verbose": False}]


@pytest.mark.realdata
def test_nmc_cathode(data_dir):
    from volio import read

    volume = read(data_dir / "volumes" / "nrel_nmc1cal_3label_z000-119.tif").crop(((0, 80), (0, 80), (0, 80)))
    found = measure_transport(volume, phase=0)
    for axis in "zyx":
        assert found[axis].converged
        assert 1.2 < found[axis].tortuosity_factor < 5
        assert found[axis].spanning_fraction > 0.9 * found[axis].fraction
