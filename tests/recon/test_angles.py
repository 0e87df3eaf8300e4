"""Angles: their units, lists and files."""

import logging
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon.angles import angles_beside, given_angles, radians, read_angles, spread_angles
from volio.errors import FormatError, InputError


@pytest.mark.parametrize("unit", ["deg", "degree", "Degrees", "°", " degrees "])
def test_stated_degrees(unit: str) -> None:
    notes: list[str] = []
    np.testing.assert_allclose(radians([0, 1, 90], unit, notes, source="x"), [0, math.pi / 180, math.pi / 2])
    assert notes == []


@pytest.mark.parametrize("unit", ["rad", "radians", "RADIAN"])
def test_stated_radians(unit: str) -> None:
    # whole numbers, and beyond two turns: the unit that is stated counts
    np.testing.assert_array_equal(radians([0, 1, 90], unit, [], source="x"), [0, 1, 90])


def test_other_unit() -> None:
    with pytest.raises(FormatError, match="/theta states angles in 'gon': readable are degrees and radians"):
        radians([0, 1], "gon", [], source="/theta")


@given(st.integers(2, 400), st.floats(90, 360))
def test_guess_is_right_for_usual_scans(number: int, span: float) -> None:
    degrees = np.linspace(0, span, number)
    for values in (degrees, np.deg2rad(degrees)):
        notes: list[str] = []
        np.testing.assert_allclose(radians(values, None, notes, source="theta"), np.deg2rad(degrees), atol=1e-9)
        assert len(notes) == 1


def test_guess_is_said(caplog: pytest.LogCaptureFixture) -> None:
    notes: list[str] = []
    with caplog.at_level(logging.WARNING):
        radians([0.5, 3.1], None, notes, source="/exchange/theta")
    assert notes == ["/exchange/theta states angles from 0.5 to 3.1 without a unit: they are taken for radians"]
    assert notes[0] in caplog.text
    radians([0, 1, 2, 3], "", notes, source="whole")
    assert notes[1].endswith("degrees")
    radians([math.nan], None, notes, source="none")


def test_given_angles(tmp_path: Path) -> None:
    np.testing.assert_allclose(given_angles([0, 90], "degrees", []), [0, math.pi / 2])
    np.testing.assert_array_equal(given_angles([0, 1.5], "radians", []), [0, 1.5])
    path = tmp_path / "a.txt"
    path.write_text("# radians\n0\n1.5\n")
    np.testing.assert_array_equal(given_angles(path, "degrees", []), [0, 1.5])
    path.write_text("0\n90\n")
    np.testing.assert_allclose(given_angles(str(path), "degrees", []), [0, math.pi / 2])
    with pytest.raises(InputError, match="angle_unit must be 'degrees' or 'radians', got 'gon'"):
        given_angles([0], "gon", [])  # type: ignore[arg-type]
    with pytest.raises(InputError, match="must be numbers or a file"):
        given_angles([0, "a"], "degrees", [])


def test_radians_given_as_degrees_are_pointed_out() -> None:
    notes: list[str] = []
    given_angles(np.linspace(0, math.pi, 181), "degrees", notes)
    assert "if they are radians, say angle_unit='radians'" in notes[0]


def test_spread() -> None:
    np.testing.assert_allclose(spread_angles((0, 180), 3, "degrees"), [0, math.pi / 2, math.pi])
    np.testing.assert_array_equal(spread_angles((1, -1), 3, "radians"), [1, 0, -1])
    for odd in ((0, 0), (0, math.nan), (1, 2, 3)):
        with pytest.raises(InputError, match="first and the last projection"):
            spread_angles(odd, 3, "degrees")
    with pytest.raises(InputError, match="angle_unit"):
        spread_angles((0, 1), 3, "gon")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "text", "angles", "unit"),
    [
        ("a.txt", "1\n2.5\n\n-3e1\n", [1, 2.5, -30], None),
        ("a.txt", "# theta in degrees\n0, 1.5\n1, 2.5 ; a note\n", [1.5, 2.5], "deg"),
        ("a.csv", "index,angle (rad)\n0,0.1\n1,0.2\n", [0.1, 0.2], "rad"),
        ("a.tlt", "  -60.00\n  -58.00\n", [-60, -58], "degrees"),
        ("a.rawtlt", "-60\n", [-60], "degrees"),
        (
            "a.mdoc",
            "PixelSpacing = 2\n[ZValue = 0]\nTiltAngle = -59.9\n[ZValue = 1]\nTiltAngle = 3\n",
            [-59.9, 3],
            "deg",
        ),
    ],
)
def test_files(tmp_path: Path, name: str, text: str, angles: list[float], unit: str | None) -> None:
    path = tmp_path / name
    path.write_text(text)
    values, stated = read_angles(path)
    np.testing.assert_allclose(values, angles)
    assert (stated or "")[:3] == (unit or "")[:3]


def test_odd_files(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="does not exist: give the file of the angles, or angle_range"):
        read_angles(tmp_path / "none.txt")
    path = tmp_path / "a.txt"
    path.write_text("# nothing\n")
    with pytest.raises(FormatError, match="holds no angles: one number a line"):
        read_angles(path)
    path.write_text("1\n2\nthree\n")
    with pytest.raises(FormatError, match="no number in line 3: 'three'"):
        read_angles(path)
    numpy = tmp_path / "a.npy"
    np.save(numpy, np.arange(3))
    np.testing.assert_array_equal(read_angles(numpy)[0], [0, 1, 2])
    numpy.write_bytes(b"no NumPy file")
    with pytest.raises(FormatError, match="is no NumPy file of numbers"):
        read_angles(numpy)


def test_files_beside(tmp_path: Path) -> None:
    stack, aligned = tmp_path / "tilt.mrc", tmp_path / "tilt.ali"
    assert angles_beside(stack) is None
    for name in ("tilt.angles.txt", "tilt.tlt", "tilt.rawtlt", "tilt.mrc.mdoc"):
        (tmp_path / name).touch()
        assert angles_beside(stack) == tmp_path / name
    assert angles_beside(aligned) == tmp_path / "tilt.tlt"
    assert angles_beside(tmp_path) is None
    (tmp_path / "angles.txt").touch()
    assert angles_beside(tmp_path) == tmp_path / "angles.txt"
