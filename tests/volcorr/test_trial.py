import pytest

from volcorr.icgn import Matching
from volcorr.trial import measure_rates


@pytest.fixture(scope="module")
def small():
    return measure_rates(Matching(half=(6, 6, 6)), threads=1, strain={})


def test_rates_are_those_of_a_machine(small) -> None:
    assert 1e-6 < small.point < 0.1
    assert 1e-10 < small.filtered < 1e-5
    assert 1e-11 < small.averaged < 1e-6
    assert 1e-11 < small.checked < 1e-7
    assert 100 < small.bytes_fields < 400
    assert 100 < small.bytes_table < 800


def test_a_larger_subset_takes_longer(small) -> None:
    large = measure_rates(Matching(half=(14, 14, 14)), threads=1, strain={"measure": "hencky"})
    assert large.point > 2 * small.point
