import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewers.scales import arrow_scale, round_down, sequential_scale, signed_scale, strain_scale, strain_unit

NUMBERS = st.floats(-1e6, 1e6, allow_subnormal=False).filter(lambda v: v == 0 or abs(v) > 1e-9)


@given(st.floats(1e-12, 1e12))
def test_rounding_down_gives_one_two_or_five_and_loses_at_most_a_factor_of_two_and_a_half(value):
    rounded = round_down(value)
    assert rounded <= value * (1 + 1e-6) < 2.5 * rounded * (1 + 1e-6)
    mantissa = rounded / 10 ** math.floor(math.log10(rounded) + 1e-9)
    assert min(abs(mantissa - m) for m in (1, 2, 5)) < 1e-6


@given(st.lists(NUMBERS | st.just(math.nan), max_size=50))
def test_signed_limits_are_symmetric_and_say_where_values_are_clipped(values):
    scale = signed_scale(values)
    assert scale.low == -scale.high < 0
    finite = [v for v in values if not math.isnan(v)]
    assert scale.empty == (not finite)
    clipped = (any(v < scale.low * (1 + 1e-6) for v in finite), any(v > scale.high * (1 + 1e-6) for v in finite))
    assert scale.extend == {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[clipped]


def test_a_few_outliers_do_not_set_the_limits():
    values = np.r_[np.linspace(-1, 1, 2000), 50.0, -60.0]
    scale = signed_scale(values)
    assert 0.9 < scale.high <= 1.1
    assert scale.extend == "both"


def test_zero_is_the_middle_of_a_signed_map():
    scale = signed_scale([-1.0, 2.0])
    middle = np.array(scale.cmap(scale.norm(0.0)))
    assert middle[:3].min() > 0.95


@given(st.lists(NUMBERS, min_size=1, max_size=50))
def test_sequential_limits_are_ordered_and_inside_the_values(values):
    scale = sequential_scale(values)
    assert scale.low < scale.high
    slack = 1e-5 * max(abs(v) for v in values) + 1e-9
    assert min(values) - slack <= scale.low
    assert scale.high <= max(values) + slack


def test_a_fixed_lower_limit_is_kept():
    assert sequential_scale([3.0, 3.0], low=3.0).low == 3.0
    assert sequential_scale([], low=0.0).empty


@pytest.mark.parametrize(("largest", "unit", "factor"), [(2e-3, "%", 100.0), (9e-4, "µε", 1e6)])
def test_strain_is_in_percent_above_a_tenth_of_a_percent(largest, unit, factor):
    values = np.linspace(-largest, 0, 400)
    assert strain_unit(values) == (unit, factor)
    scale = strain_scale(values)
    assert scale.unit == unit
    assert scale.high == pytest.approx(largest * factor, rel=0.1)


def test_quiet_components_do_not_clip_a_lively_one():
    lively, quiet = np.linspace(-0.02, 0.02, 1000), np.linspace(-0.001, 0.001, 100_000)
    assert strain_scale(lively, quiet).high == strain_scale(lively).high


@pytest.mark.parametrize("name", ["viridis", "RdBu_r", "arrows"])
def test_colours_grow_steadily_in_lightness(name):
    scale = {
        "viridis": sequential_scale([0.0, 1.0]),
        "RdBu_r": signed_scale([-1.0, 1.0]),
        "arrows": arrow_scale([0.0, 1.0], unit="um"),
    }[name]
    lightness = scale.cmap(np.linspace(0, 1, 64))[:, :3] @ [0.2126, 0.7152, 0.0722]
    half = lightness[:32] if name == "RdBu_r" else lightness
    assert (np.diff(half) > -0.01).all()
    if name == "arrows":
        assert lightness.max() < 0.75  # seen on a light background
