import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volio import InputError, Length, parse_length, parse_lengths
from volio.units import PICOMETRES, conversion_factor, length_unit


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("33", Length(33.0, None)),
        (33, Length(33.0, None)),
        ("33 voxels", Length(33.0, None)),
        ("2vx", Length(2.0, None)),
        ("4 px", Length(4.0, None)),
        ("8um", Length(8.0, "um")),
        ("8 µm", Length(8.0, "um")),
        ("8μm", Length(8.0, "um")),
        ("8 microns", Length(8.0, "um")),
        (".5mm", Length(0.5, "mm")),
        ("1e3 nm", Length(1000.0, "nm")),
        ("12 A", Length(12.0, "A")),
        ("12 angstrom", Length(12.0, "A")),
        ("12 Å", Length(12.0, "A")),
        (Length(2.0, "m"), Length(2.0, "m")),
    ],
)
def test_parse_length(text: object, expected: Length) -> None:
    assert parse_length(text) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("8 furlongs", "'furlongs'.*nm, um, mm, cm, m, angstrom or voxels"),
        ("um", "not a number"),
        ("", "not a number"),
        ("-3um", "zero or more"),
        ("nan", "not a number"),
        ("1e999", "finite"),
        ("3,4", "unknown"),
    ],
)
def test_bad_lengths_say_what_is_allowed(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        parse_length(text)


@given(st.sampled_from(sorted(PICOMETRES)), st.sampled_from(sorted(PICOMETRES)))
def test_conversion_there_and_back(a: str, b: str) -> None:
    assert math.isclose(conversion_factor(a, b) * conversion_factor(b, a), 1.0)
    assert math.isclose(conversion_factor(a, b), PICOMETRES[a] / PICOMETRES[b])


def test_conversion_is_exact_where_it_can_be() -> None:
    assert conversion_factor("um", "A") == 10000.0
    assert conversion_factor("nm") == 0.001
    assert conversion_factor("mm") == 1000.0
    assert conversion_factor("inch", "mm") == 25.4
    with pytest.raises(InputError, match="parsec"):
        conversion_factor("um", "parsec")


@pytest.mark.parametrize("text", ["pixel", "px", "", "voxels", "seconds"])
def test_not_a_length_unit(text: str) -> None:
    assert length_unit(text) is None


def test_to_voxels() -> None:
    assert parse_length("8um").to_voxels(0.5) == 16.0
    assert parse_length("8um").to_voxels(500.0, "nm") == 16.0
    assert parse_length("33").to_voxels(None) == 33.0
    with pytest.raises(InputError, match=r"8 um cannot.*voxel size is not known: give voxel_size"):
        parse_length("8um").to_voxels(None)


def test_to_physical() -> None:
    assert parse_length("8um").to("nm") == 8000.0
    assert parse_length("4").to("um", voxel_size=0.5) == 2.0
    with pytest.raises(InputError, match="4 voxels cannot"):
        parse_length("4").to("um")


def test_three_lengths_are_z_y_x() -> None:
    assert parse_lengths("8um") == (Length(8.0, "um"),) * 3
    assert parse_lengths("8,9,16") == (Length(8.0), Length(9.0), Length(16.0))
    assert parse_lengths("8um, 8um,16 um")[2] == Length(16.0, "um")
    assert parse_lengths((1, 2, 3)) == (Length(1.0), Length(2.0), Length(3.0))
    assert parse_lengths(5) == (Length(5.0),) * 3


@pytest.mark.parametrize("text", ["8,8", "1,2,3,4", (1, 2)])
def test_neither_one_nor_three(text: object) -> None:
    with pytest.raises(InputError, match="one for all axes, or three"):
        parse_lengths(text)  # type: ignore[arg-type]


def test_mixed_lengths() -> None:
    with pytest.raises(InputError, match="mixes voxels and physical"):
        parse_lengths("8,8,16um")
