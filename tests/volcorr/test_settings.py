from pathlib import Path

import pytest

from volcorr.settings import DvcSettings
from volio import InputError


def make(**options: object) -> DvcSettings:
    given = {"reference": Path("a.tif"), "deformed": Path("b.tif"), "output": Path("out"), **options}
    return DvcSettings(**given)


def test_lists_become_tuples_at_every_depth() -> None:
    settings = make(subset=[33, 33, 21], roi=[[0, 10], [0, 20], [5, 30]])
    assert settings.subset == (33, 33, 21)
    assert settings.roi == ((0, 10), (0, 20), (5, 30))


def test_inputs_are_those_that_are_given() -> None:
    assert make().inputs == {"reference": Path("a.tif"), "deformed": Path("b.tif")}
    assert make(mask=Path("m.tif")).inputs["mask"] == Path("m.tif")


def test_one_deformed_volume_is_a_pair_and_several_are_a_series() -> None:
    pair = make(deformed=[Path("b.tif")])
    assert pair == make()
    assert not pair.is_series
    series = make(deformed=["b.tif", "c.tif"])
    assert series.is_series
    assert series.steps == (Path("b.tif"), Path("c.tif"))
    roles = {"reference": Path("a.tif"), "deformed 1": Path("b.tif"), "deformed 2": Path("c.tif")}
    assert series.inputs == roles


def test_an_order_has_its_window() -> None:
    assert make(strain_order=3, strain_window=7).strain_order == 3
    assert make(strain_order=2, strain_method="hexahedra").strain_window == 3


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
        ({"measure": "true"}, "measure must be one of green-lagrange, infinitesimal, almansi, hencky, got 'true'"),
        ({"shape": "cubic"}, "shape must be one of translation, rigid, affine, quadratic"),
        ({"spline": None}, "spline must be one of cubic, quintic"),
        ({"executor": "mpi"}, "executor must be one of serial, threads, processes, dask"),
        ({"strain_method": "fem"}, "strain_method must be one of window, hexahedra"),
        ({"strain_order": 4}, "strain_order must be one of 1, 2, 3"),
        ({"strain_order": 2}, "strain_window must be at least 5 points for strain_order 2, got 3"),
        ({"series_reference": "last"}, "series_reference must be one of first, previous, auto"),
        ({"min_share": 0}, "min_share must be a number from 0.05 to 1, got 0"),
        ({"noise": 0}, "noise must be a number of grey values above zero, got 0"),
        ({"noise": float("nan")}, "noise"),
        ({"workers": 0}, "workers must be a whole number of at least 1"),
        ({"memory": "4 parsec"}, "is not an amount of memory"),
        ({"memory": 12}, "at least 1MB"),
        ({"deformed": ()}, "deformed names no volume"),
        ({"deformed": ("a", "b"), "deformed_mask": Path("m.tif")}, "belongs to a pair"),
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
