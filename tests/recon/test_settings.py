from pathlib import Path

import pytest

from recon.settings import ReconSettings
from volio import InputError

BASE = {"scan": Path("scan.h5"), "output": Path("out.tif")}


def test_lists_become_tuples_and_identity_leaves_out_what_does_not_matter() -> None:
    settings = ReconSettings(**BASE, air=[[0, 5]], slices=[1, 4], region=[[0, 2], [1, 3]], angle_range=[0, 180])
    assert (settings.air, settings.slices, settings.region) == (((0, 5),), (1, 4), ((0, 2), (1, 3)))
    one = ReconSettings(**BASE, threads=3, memory="2GB", executor="serial", resume=True, quality=True).identity()
    assert one == ReconSettings(scan=Path("scan.h5"), output=Path("other.tif")).identity()
    assert one["scan"] == "scan.h5"
    assert "memory" not in one
    assert ReconSettings(**BASE, filter="hann").identity() != one


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"filter": "box"}, "filter must be one of ramp, shepp-logan"),
        ({"rings": "some"}, "rings must be one of auto, none, all"),
        ({"executor": "gpu"}, "executor must be one of serial, threads"),
        ({"align": True}, "align must be one of auto, off, on"),
        ({"values": "grey"}, "values must be one of auto, counts, attenuation"),
        ({"binning": 0}, "binning must be a whole number of at least 1, got 0"),
        ({"threads": 1.5}, "threads must be a whole number"),
        ({"zingers": -1}, "zingers must be a number of at least 0"),
        ({"delta_beta": 0}, "delta_beta must be a positive number, got 0"),
        ({"weight": float("nan")}, "weight must be a positive number"),
        ({"energy": 8.0}, "energy and distance are for phase retrieval"),
        ({"pixel_size": "65 parsec"}, "pixel_size: unit 'parsec'"),
        ({"voxel_size": 0}, "voxel_size must be more than zero"),
        ({"slices": (5, 5)}, "slices must be a range start:stop"),
        ({"region": ((0, 5),)}, "region must be two ranges"),
        ({"region": ((0, 5), (3, "4"))}, "region must be a range"),
        ({"air": ((9, 5),)}, "air must be a range"),
        ({"memory": "much"}, "is not an amount of memory"),
    ],
)
def test_what_is_not_allowed_is_told_in_one_line(change: dict, words: str) -> None:
    with pytest.raises(InputError, match=r"^[^\n]*$") as caught:
        ReconSettings(**BASE, **change)
    assert words in str(caught.value)
