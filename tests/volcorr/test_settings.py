from pathlib import Path

import pytest

from volcorr.settings import DvcSettings
from volio import InputError


def make(**options: object) -> DvcSettings:
    return DvcSettings(reference=Path("a.tif"), deformed=Path("b.tif"), output=Path("out"), **options)


def test_lists_become_tuples_at_every_depth() -> None:
    settings = make(subset=[33, 33, 21], roi=[[0, 10], [0, 20], [5, 30]])
    assert settings.subset == (33, 33, 21)
    assert settings.roi == ((0, 10), (0, 20), (5, 30))


def test_inputs_are_those_that_are_given() -> None:
    assert make().inputs == {"reference": Path("a.tif"), "deformed": Path("b.tif")}
    assert make(mask=Path("m.tif")).inputs["mask"] == Path("m.tif")


@pytest.mark.parametrize("value", [33, "33", "8um", "33,33,21", ("8um", "8um", "4um"), 7.5])
def test_lengths_that_are_allowed(value: object) -> None:
    assert make(subset=value).subset == value


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"subset": 0}, "subset must be more than zero, got 0"),
        ({"subset": -5}, "-5"),
        ({"subset": "8parsec"}, "parsec"),
        ({"subset": "33,33"}, "2 lengths"),
        ({"subset": True}, "subset must be a length"),
        ({"subset": [33, None, 33]}, "subset must be a length"),
        ({"spacing": "0um"}, "spacing must be more than zero"),
        ({"search": 0}, "search must be more than zero"),
        ({"voxel_size": [0.1, 0.1, 0]}, "voxel_size must be more than zero"),
        ({"roi": [[0, 10], [0, 10]]}, "roi must be three ranges"),
        ({"roi": [[0, 10], [0, 10], [0, 1.5]]}, "roi must be three ranges"),
        ({"roi": [[0, 10], [9, 3], [0, 10]]}, "roi along y must be start < stop"),
        ({"roi": [[-1, 10], [0, 3], [0, 10]]}, "-1:10"),
        ({"strain_window": 4}, "strain_window must be one odd number"),
        ({"strain_window": 1}, "got 1"),
        ({"strain_window": [3, 3]}, "strain_window"),
        ({"strain_window": "3"}, "strain_window"),
        ({"measure": "true"}, "measure must be one of green-lagrange, infinitesimal"),
        ({"threads": 0}, "threads must be a whole number of at least 1, got 0"),
        ({"threads": 1.5}, "threads"),
        ({"max_iterations": 0}, "max_iterations"),
        ({"min_cc": 2}, "min_cc"),
        ({"min_cc": "high"}, "min_cc"),
        ({"tolerance": 0.0}, "tolerance"),
    ],
)
def test_settings_that_are_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError) as caught:
        make(**options)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
