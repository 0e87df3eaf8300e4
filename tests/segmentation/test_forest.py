import sys

import numpy as np
import pytest

from segmentation._kernels_forest import vote
from segmentation.forest import _rounded_down, flatten_trees, grow_forest
from volio import InputError


@pytest.fixture(scope="module")
def samples():
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 3, 600)
    values = rng.normal(size=(600, 5)) + classes[:, None] * np.array([1.0, 0, 0.5, 0, 0])
    return values.astype(np.float32), classes


def test_the_kernel_is_scikit_learn(samples) -> None:
    ensemble = pytest.importorskip("sklearn.ensemble")
    values, classes = samples
    model = ensemble.RandomForestClassifier(n_estimators=15, max_depth=9, random_state=4).fit(values, classes)
    fresh = np.random.default_rng(9).normal(size=(1001, 5)).astype(np.float32)
    found = flatten_trees(model.estimators_).probabilities(fresh.T)
    np.testing.assert_allclose(found.T, model.predict_proba(fresh), atol=1e-5)


def test_unseen_votes_are_as_good_as_those_for_new_samples() -> None:
    rng = np.random.default_rng(3)
    classes = (rng.random(4000) < 0.1).astype(np.int64)
    values = (rng.normal(size=(4000, 3)) + 2.5 * classes[:, None]).astype(np.float32)
    old, new = slice(0, 2000), slice(2000, 4000)
    growth = grow_forest(values[old], classes[old], trees=30, seed=1)
    fresh = growth.forest.probabilities(values[new].T).argmax(axis=0)
    unseen = growth.unseen.argmax(axis=1)
    for name in (0, 1):
        recall = [(found[classes[part] == name] == name).mean() for found, part in ((unseen, old), (fresh, new))]
        assert recall[0] == pytest.approx(recall[1], abs=0.05)
    assert growth.importance.sum() == pytest.approx(1)


def test_the_kernel_is_a_plain_walk(samples) -> None:
    values, classes = samples
    forest = grow_forest(values, classes, trees=3, depth=None, seed=1).forest
    out = np.zeros((3, 70), np.float32)
    for n in range(70):
        for root in forest.roots:
            node = root
            while forest.child[node] != node:
                node = forest.child[node] + (values[n, forest.feature[node]] > forest.limit[node])
            out[:, n] += forest.leaf[node]
    np.testing.assert_array_equal(forest.probabilities(values[:70].T), out)
    assert vote.__name__ == "vote"


def test_a_class_of_few_samples_counts_as_much_as_one_of_many() -> None:
    """Where no feature tells them apart, both get half of the votes."""
    classes = (np.arange(1000) < 30).astype(np.int64)
    forest = grow_forest(np.ones((1000, 2), np.float32), classes, trees=5).forest
    np.testing.assert_allclose(forest.probabilities(np.ones((2, 3), np.float32)), 0.5, atol=1e-6)


def test_threads_and_repeats_grow_the_same_trees(samples) -> None:
    first, second = (grow_forest(*samples, trees=8, threads=n).forest for n in (1, 2))
    for name in ("feature", "limit", "child", "leaf", "roots"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_limits_compare_like_those_in_double_precision() -> None:
    limits = np.random.default_rng(1).normal(size=1000)
    values = limits.astype(np.float32)
    np.testing.assert_array_equal(values > limits, values > _rounded_down(limits))


def test_training_without_scikit_learn_says_what_to_install(samples, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.tree", None)
    with pytest.raises(InputError, match=r"pip install volcorr\[segmentation\]"):
        grow_forest(*samples)
