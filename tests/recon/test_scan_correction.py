"""A scan of counts becomes one of line integrals."""

import numpy as np
import pytest

from recon.scan import Scan
from recon.scan_correction import correct_scan
from volio.errors import InputError


def test_a_scan_takes_everything_along() -> None:
    counts = np.full((4, 6, 8), 50.0)
    counts[1, 2, 3] = 0
    flats = np.full((2, 6, 8), 100.0)
    flats[:, 5, 5] = 0
    scan = Scan(
        counts,
        np.linspace(0, 1, 4),
        pixel_size=0.5,
        flats=flats,
        darks=np.zeros((1, 6, 8)),
        shifts=np.ones((4, 2)),
        center=3.5,
        metadata={"notes": ["first"], "flat_positions": [0, 4]},
    )
    done = correct_scan(scan, floor=0.001)
    assert done.flats is None
    assert done.darks is None
    assert done.projections[0, 0, 0] == pytest.approx(np.log(2))
    assert done.metadata["notes"] == [
        "first",
        "1 dead pixels of the detector were replaced by their neighbours",
        "1 pixels let less than 0.001 of the beam through and were set to that",
    ]
    small = correct_scan(scan, binning=2)
    assert (small.shape, small.pixel_size, small.center) == ((4, 3, 4), 1.0, 1.5)
    assert np.all(small.shifts == 0.5)


def test_zingers_and_assumptions_are_told() -> None:
    counts = np.random.default_rng(0).poisson(1000, (5, 6, 8)).astype(float)
    counts[2, 3, 4] = 9000
    done = correct_scan(Scan(counts, np.zeros(5), flats=np.full((1, 6, 8), 2000.0)))
    assert [note.split(":")[0] for note in done.metadata["notes"]] == [
        "no darks were given",
        "positions of the flats were not given",
        "1 zingers were replaced",
    ]


def test_line_integrals_are_not_corrected_again() -> None:
    with pytest.raises(InputError, match="'rock' has no flats, so it holds line integrals already"):
        correct_scan(Scan(np.ones((2, 3, 4)), np.zeros(2), name="rock"))
