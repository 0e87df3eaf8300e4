import numpy as np
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


def test_a_point_takes_what_its_refinement_takes_and_no_preparation(monkeypatch) -> None:
    now = 0.0

    def take(seconds, result=None):
        nonlocal now
        now += seconds
        return result

    prepared = []
    monkeypatch.setattr("volcorr.trial.time.perf_counter", lambda: now)
    monkeypatch.setattr("volcorr.trial.read_reference", lambda grey, box, **_: take(1e-9 * np.prod(box.shape)))
    monkeypatch.setattr("volcorr.trial.read_coefficients", lambda grey, box, *_, **__: take(2e-9 * np.prod(box.shape)))

    def refine(one, two, points, start, matching, **_):
        prepared.append(np.prod(matching.reference_box(points).shape))
        take(3e-9 * prepared[-1] + 1e-4 * matching.half[0] * len(points))

    monkeypatch.setattr("volcorr.trial.refine", refine)
    rates = measure_rates(Matching(half=(14, 14, 14)), threads=1, strain={"measure": "hencky"})
    assert rates.filtered == pytest.approx(3e-9)
    assert rates.point == pytest.approx(14e-4)
    assert rates.level_point == pytest.approx(8e-4)
    assert len(prepared) == 6
