"""The example script on a small bed of spheres."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "examples" / "pore_sizes_under_compression.py"


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("pore_sizes_under_compression", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_the_steps_follow_the_law(example, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(example, "RADIUS", 8)
    monkeypatch.setattr(example, "STEPS", (0.0, 0.2))
    steps = example.main(tmp_path, edge=48)
    assert [step.law for step in steps] == [0.55, pytest.approx(0.55 ** (1 / 0.8))]
    for step in steps:
        assert step.fractions.fraction[0] == pytest.approx(step.truth.porosity, abs=0.015)
        assert step.sizes.mean_radius == pytest.approx(step.truth.mean_radius, abs=1.5 * step.sizes.resolution)
        assert step.fractions.low[0] < step.law < step.fractions.high[0]
    assert np.diff([step.sizes.mean_radius for step in steps]) < 0
    assert (tmp_path / "pores_compression_curves.png").is_file()
    assert (tmp_path / "pores_compression_slices.png").is_file()
    assert "| 20 % |" in capsys.readouterr().out
