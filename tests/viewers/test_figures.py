import os
import subprocess
import sys
from pathlib import Path

import pytest
from matplotlib.image import imread

import viewers.figures
from viewers import draw_figures, save_figure
from viewers.style import new_figure
from volio import InputError, OutputError

DISPLACEMENT = [
    "displacement_arrows.png",
    "displacement_u_z.png",
    "displacement_u_y.png",
    "displacement_u_x.png",
    "displacement_arrows_without_rigid_motion.png",
    "displacement_u_z_without_rigid_motion.png",
    "correlation.png",
    "correlation_histogram.png",
]


def test_all_figures_of_a_strain_field_are_written(fields, volume, tmp_path):
    paths = draw_figures(fields, volume, tmp_path / "new" / "figures")
    names = ["strain_e_zz.png", "strain_components.png", "strain_profile.png", *DISPLACEMENT, "status.png"]
    assert [path.name for path in paths] == names
    assert sorted(path.name for path in (tmp_path / "new" / "figures").iterdir()) == sorted(names)
    for path in paths:
        height, width = imread(path).shape[:2]
        assert 700 < width < 2000
        assert 400 < height < 1500


@pytest.fixture
def unsaved(monkeypatch):
    """Names of the figures that would be written, without drawing their pixels."""
    names = []
    monkeypatch.setattr(viewers.figures, "save_figure", lambda figure, path: names.append(path.name) or path)
    return names


def test_what_a_field_does_not_allow_is_left_out(make_fields, tmp_path, unsaved):
    draw_figures(make_fields(with_strain=False, masked=False), None, tmp_path)
    assert unsaved == DISPLACEMENT


def test_without_valid_points_there_is_no_rigid_motion_to_remove(nothing_valid, tmp_path, unsaved, caplog):
    draw_figures(nothing_valid, None, tmp_path)
    assert "status.png" in unsaved
    assert not any("rigid" in name for name in unsaved)
    assert "no figure without rigid motion" in caplog.text


def test_an_older_figure_is_replaced(tmp_path):
    (tmp_path / "figure.png").write_text("old")
    save_figure(new_figure(2, 2), tmp_path / "figure.png")
    assert imread(tmp_path / "figure.png").ndim == 3
    assert [path.name for path in tmp_path.iterdir()] == ["figure.png"]


def test_nothing_is_written_for_a_wrong_reference(fields, make_volume, tmp_path):
    with pytest.raises(InputError, match="shape"):
        draw_figures(fields, make_volume((8, 8, 8)), tmp_path / "figures")
    assert not (tmp_path / "figures").exists()


def test_a_folder_that_cannot_be_made_is_an_error(fields, tmp_path):
    (tmp_path / "figures").write_text("a file")
    with pytest.raises(OutputError, match="cannot be made"):
        draw_figures(fields, None, tmp_path / "figures")


def test_figures_are_the_same_each_time(fields, volume, tmp_path):
    first, second = (save_figure(viewers.draw_strain(fields, volume), tmp_path / f"{n}.png") for n in "ab")
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")])
def test_the_extension_sets_the_format(tmp_path, suffix, start):
    path = save_figure(new_figure(2, 2), tmp_path / f"figure.{suffix}")
    assert path.read_bytes().startswith(start)


def test_matplotlib_is_loaded_late_and_without_its_global_state():
    root = Path(viewers.__file__).parents[1]
    code = """
import sys, viewers
assert not {"matplotlib", "xarray", "pandas", "dask"} & set(sys.modules)
viewers.draw_figures
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(root)}, check=True)


def test_the_public_names_are_all_there():
    for name in viewers.__all__:
        assert callable(getattr(viewers, name))
    assert dir(viewers) == sorted(viewers.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = viewers.nothing
