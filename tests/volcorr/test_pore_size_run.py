from pathlib import Path

import numpy as np
import pytest

from volcorr.pore_size_run import run_pore_sizes
from volio import InputError, Volume, write


@pytest.fixture
def slit(tmp_path: Path) -> Path:
    """A slit of 5 voxels, of two labels, in a wall."""
    data = np.zeros((20, 20, 20), np.uint8)
    data[:, 5:8], data[:, 8:10] = 2, 3
    write(Volume(data, voxel_size=1.0), tmp_path / "slit.tif")
    return tmp_path / "slit.tif"


def test_phases_together_are_the_pores(slit: Path, tmp_path: Path) -> None:
    both = run_pore_sizes([slit], tmp_path / "both", phases=[2, 3], inlet="y-").steps[0]
    assert both.sizes.porosity == 0.25
    assert both.sizes.r50 == 3.0
    assert both.as_dict()["intrusion"]["inlet"] == "y-"
    assert both.intrusions["y-"].intruded == 0.0
    assert both.as_dict()["intrusion"]["constrictivity"] == 0.0
    rest = run_pore_sizes([slit], tmp_path / "rest", phases=[2, 3], solid=True).steps[0]
    assert rest.sizes.porosity == 0.75


def test_voxels_outside_of_a_mask_are_no_solid(tmp_path: Path) -> None:
    data = np.full((12, 12, 12), 255, np.uint8)
    data[3:9] = 1
    data[4:7] = 0
    write(Volume(data, voxel_size=1.0), tmp_path / "masked.tif")
    step = run_pore_sizes([tmp_path / "masked.tif"], tmp_path / "out", phases=[0], solid=True).steps[0]
    assert step.sizes.porosity == 3 / 12


def test_spheres_wider_than_the_volume_are_told(tmp_path: Path, caplog) -> None:
    data = np.zeros((6, 40, 40), np.uint8)
    data[:, 20] = 1
    write(Volume(data, voxel_size=1.0), tmp_path / "thin.tif")
    run_pore_sizes([tmp_path / "thin.tif"], tmp_path / "out", phases=[0])
    assert "does not fit into the volume" in caplog.text


def test_an_unknown_inlet_is_refused(slit: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="inlet must be one of all, each"):
        run_pore_sizes([slit], tmp_path / "out", phases=[2], inlet="top")
    assert not (tmp_path / "out").exists()


def test_chunks_that_were_finished_are_used_again(slit: Path, tmp_path: Path, monkeypatch, caplog) -> None:
    caplog.set_level("INFO")

    def interrupt(study, folder):
        raise KeyboardInterrupt

    options = {"phases": [2, 3], "memory": "100MB"}
    with pytest.raises(KeyboardInterrupt):
        run_pore_sizes([slit], tmp_path / "out", draw=interrupt, **options)
    assert (tmp_path / ".out.blocks").is_dir()
    study = run_pore_sizes([slit], tmp_path / "out", resume=True, **options)
    assert "were done by an earlier run" in caplog.text
    assert study.steps[0].sizes.r50 == 3.0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "slit.tif"]
