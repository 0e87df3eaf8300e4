import numpy as np
import pytest

from porosity.boolean_model import BooleanModel
from porosity.representative_volume import METRICS, study_representative_volume
from volio import InputError


@pytest.fixture(scope="module")
def labels():
    """Blocks of 4^3 voxels, each of the phase by chance: independent, so that the law of the spread is known."""
    return np.kron(np.random.default_rng(0).random((16, 16, 16)) < 0.4, np.ones((4, 4, 4))).astype(np.uint8)


def test_spread_of_the_fraction_follows_the_number_of_blocks(labels):
    found = study_representative_volume(labels, phase=1, metrics=["fraction"], divisions=(8, 4, 2, 1), voxel_size=0.25)
    table = found.table
    assert list(table["count"]) == [512, 64, 8, 1]
    np.testing.assert_allclose(table["edge"], [2, 4, 8, 16])
    for blocks, row in zip((8, 64), table.itertuples(), strict=False):
        assert row.spread == pytest.approx(np.sqrt(0.24 / blocks), rel=0.2)
        assert row.mean == pytest.approx(labels.mean())
    # cubes of 1 um hold one block: 0.24 / 0.4^2 is the relative variance of one
    assert found.required_edge("fraction", relative=0.1) == pytest.approx((1.5 / 0.01) ** (1 / 3), rel=0.1)
    assert found.unit == "um"


def test_every_metric():
    pores = BooleanModel.with_porosity(0.5, radius=4).draw((64, 64, 64), seed=0)
    found = study_representative_volume(pores, phase=1, metrics=METRICS, divisions=(2, 1))
    assert set(found.table["metric"]) == set(METRICS)
    means = found.table.pivot(index="metric", columns="count", values="mean")
    assert means.notna().all(axis=None)
    # densities: sub-volumes see the same as the whole
    for metric in ("fraction", "surface", "chord"):
        assert means.loc[metric, 8] == pytest.approx(means.loc[metric, 1], rel=0.04)


def test_functions_of_your_own_and_threads(labels):
    metrics = {"voxels": lambda part: float(part.data.sum())}
    one, two = (
        study_representative_volume(labels, phase=1, metrics=metrics, divisions=(2,), threads=t) for t in (1, 2)
    )
    assert one.table.equals(two.table)
    assert one.table["mean"].item() * 8 == labels.sum()


def test_sub_volumes_without_the_phase_or_full_of_it():
    labels = np.zeros((16, 16, 16), int)
    labels[8:] = 1
    found = study_representative_volume(labels, phase=1, metrics=METRICS, divisions=(2,)).table.set_index("metric")
    assert found.loc["fraction", "count"] == 8
    assert found.loc["fraction", "mean"] == 0.5
    assert found.loc["surface", "mean"] == 0
    assert found.loc["chord", "count"] == 0
    assert np.isnan(found.loc["chord", "mean"])


def test_spread_and_required_edge_are_plain_statistics():
    """Sub-volumes scatter about their own mean, relative to the value of the whole; sizes weigh by their freedom."""
    labels = np.random.default_rng(0).random((16, 24, 16)) < np.linspace(0.1, 0.7, 16)
    found = study_representative_volume(labels, phase=1, metrics=["fraction"], divisions=(4, 2, 1), voxel_size=0.5)
    table = found.table.set_index("count")
    relative = {}
    for parts in (4, 2):
        cubes = labels.reshape(parts, 16 // parts, parts, 24 // parts, parts, 16 // parts).mean(axis=(1, 3, 5))
        assert table["spread"][parts**3] == pytest.approx(np.std(cubes, ddof=1))
        relative[parts] = table["relative"][parts**3]
        assert relative[parts] == pytest.approx(np.std(cubes, ddof=1) / labels.mean())
    law = [relative[parts] ** 2 * labels.size * 0.125 / parts**3 for parts in (4, 2)]
    expected = np.cbrt(np.average(law, weights=[63, 7]) / 0.05**2)
    assert found.required_edge("fraction") == pytest.approx(expected)
    square = {"square": lambda part: float(part.data.mean()) ** 2}  # small sub-volumes have another mean
    rows = study_representative_volume(labels, phase=1, metrics=square, divisions=(4, 1)).table
    assert rows["relative"][0] == pytest.approx(rows["spread"][0] / labels.mean() ** 2)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"metrics": ["colour"]}, "metrics"),
        ({"metrics": []}, "metrics"),
        ({"divisions": ()}, "divisions"),
        ({"divisions": (17,)}, "divisions must be 1 to 16"),
        ({"divisions": (0,)}, "divisions"),
    ],
)
def test_errors_are_one_line(labels, options, word):
    with pytest.raises(InputError, match=word) as error:
        study_representative_volume(labels, phase=1, **options)
    assert "\n" not in str(error.value)


def test_required_edge_needs_a_spread(labels):
    found = study_representative_volume(labels, phase=1, metrics=["fraction"], divisions=(1,))
    with pytest.raises(InputError, match="no spread is known of 'fraction'"):
        found.required_edge("fraction")
