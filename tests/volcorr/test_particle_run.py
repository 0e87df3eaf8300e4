from pathlib import Path

import numpy as np
import pytest

from volcorr.particle_run import format_particles, run_particles
from volio import InputError, Volume, read, write


def test_particles_of_a_phase_are_numbered_without_the_small_ones(specimens: Path, tmp_path: Path) -> None:
    study = run_particles(specimens / "balls.tif", tmp_path / "out", phase=1, split=True, smallest="7")
    # the ball that the border cuts has a diameter of less than 8 voxels, but more than 6
    assert len(study.particles.table) == 3 + (study.cut > 0)
    assert list(study.particles.table.index) == list(range(1, len(study.particles.table) + 1))
    labels = read(tmp_path / "out" / "labels.ome.zarr")
    assert labels.dtype == np.uint16
    np.testing.assert_array_equal(labels.data[20:21], study.plane.data)
    fewer = run_particles(specimens / "balls.tif", tmp_path / "fewer", phase=1, split=True, smallest="8um")
    assert len(fewer.particles.table) == 1


def test_few_labels_may_be_phases(specimens: Path, tmp_path: Path, caplog) -> None:
    data = read(specimens / "balls.tif").data.copy()
    data[:, :, 33:] *= 2
    write(Volume(data, voxel_size=1.0), tmp_path / "two.tif")
    study = run_particles(tmp_path / "two.tif", tmp_path / "out", border="included")
    assert "where these are phases, choose one with --phase" in caplog.text
    assert "2 particles in two" in format_particles(study)


def test_a_segmentation_of_several_volumes_is_too_much(specimens: Path, tmp_path: Path) -> None:
    record = '{"labels": ["one.tif", "two.tif"]}'
    (tmp_path / "phases").mkdir()
    (tmp_path / "phases" / "segmentation.json").write_text(record)
    for name in ("one", "two"):
        write(read(specimens / "balls.tif"), tmp_path / "phases" / f"{name}.tif")
    with pytest.raises(InputError, match="holds 2 label volumes: name one of them"):
        run_particles(tmp_path / "phases", tmp_path / "out", phase=1)


def test_a_length_needs_a_voxel_size(specimens: Path, tmp_path: Path) -> None:
    write(Volume(read(specimens / "balls.tif").data), tmp_path / "bare.tif")
    with pytest.raises(InputError, match="voxel size is not known"):
        run_particles(tmp_path / "bare.tif", tmp_path / "out", phase=1, smallest="2um")
    assert not (tmp_path / "out").exists()
