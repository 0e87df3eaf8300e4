"""The example script on a small virtual pillar."""

import importlib.util
from pathlib import Path

import pandas as pd
import pytest

from volcorr.fields import open_fields
from volcorr.steps import open_steps

SCRIPT = Path(__file__).parents[2] / "examples" / "compression_series.py"


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("compression_series", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_script_leaves_fields_tables_and_images(example, tmp_path, monkeypatch, capsys):
    make = example.make_scans
    monkeypatch.setattr(example, "make_scans", lambda folder: make(folder, (64, 56, 56)))
    monkeypatch.setattr(example, "draw_figures", lambda *_: [])  # they have their own tests
    example.main([], tmp_path / "out")
    series = open_fields(tmp_path / "out")
    assert list(series["press_displacement"]) == [0.2, 0.4, 0.6]
    medians = 100 * series["e_zz"].median(("z", "y", "x"))
    for number, median in enumerate(medians.to_numpy(), start=1):
        assert -1.8 * number < median < -0.5 * number  # the band's strain lies between 0.5 and 1.7 % a step
    assert list(open_steps(tmp_path / "out" / "steps")["step"]) == [1, 2, 3]
    assert len(pd.read_csv(tmp_path / "out" / "points.csv")) == series["u_z"].size
    assert (tmp_path / "out" / "fields" / "step_0003.vti").is_file()
    assert "step 3 (scan_03): median e_zz" in capsys.readouterr().out
