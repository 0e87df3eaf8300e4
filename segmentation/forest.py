"""A random forest as plain arrays: grown by scikit-learn, applied by a compiled kernel, kept without pickle."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from volio import InputError, run_blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Forest", "Growth", "grow_forest"]


@dataclass(frozen=True, eq=False)
class Forest:
    """The trees of a random forest, one after the other.

    Attributes
    ----------
    feature : (m,) int32 array
        Feature that each node looks at.
    limit : (m,) float32 array
        A sample goes to the second child if its value is larger; infinite at leaves.
    child : (m,) int32 array
        First child of a node; the second follows it. Leaves have themselves.
    leaf : (m, classes) float32 array
        Fraction of each class at a leaf, divided by the number of trees.
    roots : (t,) int32 array
        First node of each tree.
    """

    feature: "NDArray[np.int32]"
    limit: "NDArray[np.float32]"
    child: "NDArray[np.int32]"
    leaf: "NDArray[np.float32]"
    roots: "NDArray[np.int32]"

    def probabilities(self, values: "NDArray[np.float32]") -> "NDArray[np.float32]":
        """Return the fraction of votes for each class.

        Parameters
        ----------
        values : (features, n) float32 array
            Finite numbers.

        Returns
        -------
        (classes, n) float32 array
            Sums to 1 over classes.
        """
        from segmentation._kernels_forest import vote

        out = np.empty((self.leaf.shape[1], values.shape[1]), np.float32)
        samples = np.ascontiguousarray(values, np.float32)
        vote(samples, self.feature, self.limit, self.child, self.leaf, self.roots, out)
        return out


@dataclass(frozen=True, eq=False)
class Growth:
    """What growing a forest gives beside it.

    Attributes
    ----------
    forest : Forest
        The trees.
    importance : (features,) float64 array
        How much each feature contributed (mean decrease of impurity); sums to 1.
    unseen : (n, classes) float64 array
        Votes for each sample of the trees that did not see it; NaN where all did.
    """

    forest: Forest
    importance: "NDArray[np.float64]"
    unseen: "NDArray[np.float64]"


def grow_forest(
    values: "NDArray[np.float32]",
    classes: "NDArray[np.int64]",
    *,
    trees: int = 100,
    depth: int | None = 16,
    seed: int = 0,
    threads: int | None = None,
) -> Growth:
    """Grow a random forest.

    Parameters
    ----------
    values : (n, features) float32 array
        Samples.
    classes : (n,) int array
        Class of each, 0, 1, ...; all classes have the same weight, however many samples they have.
    trees : int
        Number of trees.
    depth : int, optional
        Largest depth of a tree; None for no limit.
    seed : int
        Of the random choices; the same seed gives the same forest.
    threads : int, optional
        How many trees grow at once; the forest does not depend on it.

    Returns
    -------
    Growth

    Raises
    ------
    InputError
        If scikit-learn is not installed.

    Notes
    -----
    L. Breiman, Machine Learning 45 (2001) 5-32, doi:10.1023/A:1010933404324.
    """
    try:
        from sklearn.tree import DecisionTreeClassifier
    except ImportError as error:
        raise InputError(
            "training needs scikit-learn: pip install volcorr[segmentation] (applying a classifier does not need it)"
        ) from error

    groups = [np.flatnonzero(classes == name) for name in range(int(classes.max()) + 1)]
    weights = 1.0 / np.bincount(classes)[classes]

    def grow(number: int) -> "tuple[Any, NDArray[np.bool_]]":
        # drawn with replacement within each class, so that the trees that did not see a sample are a third for each
        rng = np.random.default_rng((seed, number))
        drawn = np.concatenate([rng.choice(group, group.size) for group in groups])
        counts = np.bincount(drawn, minlength=classes.size)
        tree = DecisionTreeClassifier(max_depth=depth, max_features="sqrt", random_state=int(rng.integers(2**31)))
        return tree.fit(values, classes, sample_weight=counts * weights), counts == 0

    grown = run_blocks(grow, range(trees), threads=threads)
    votes, judges = np.zeros((classes.size, len(groups))), np.zeros((classes.size, 1))
    for tree, unseen in grown:
        if unseen.any():
            votes[unseen] += tree.predict_proba(values[unseen])
            judges[unseen] += 1
    votes = np.divide(votes, judges, out=np.full(votes.shape, np.nan), where=judges > 0)
    estimators = [tree for tree, _ in grown]
    importance = np.mean([tree.feature_importances_ for tree in estimators], axis=0)
    return Growth(flatten_trees(estimators), importance / max(importance.sum(), 1e-300), votes)


def flatten_trees(estimators: list[Any]) -> Forest:
    """Lay trees out one after the other, the children of a node side by side.

    Parameters
    ----------
    estimators : list of sklearn.tree.DecisionTreeClassifier
        Fitted to the same classes.
    """
    feature, limit, child, leaf, roots = [], [], [], [], []
    start = 0
    for estimator in estimators:
        tree = estimator.tree_
        inner = tree.children_left >= 0
        # breadth first, so that two children are neighbours
        order, place = [0], 0
        while place < len(order):
            node = order[place]
            if inner[node]:
                order += [int(tree.children_left[node]), int(tree.children_right[node])]
            place += 1
        sorted_nodes = np.array(order)
        position = np.empty(tree.node_count, np.int64)
        position[sorted_nodes] = np.arange(tree.node_count)
        inside = inner[sorted_nodes]
        feature.append(np.where(inside, tree.feature[sorted_nodes], 0))
        limit.append(np.where(inside, _rounded_down(tree.threshold[sorted_nodes]), np.float32(np.inf)))
        first = position[np.where(inside, tree.children_left[sorted_nodes], sorted_nodes)]
        child.append(first + start)
        votes = tree.value[sorted_nodes, 0]
        leaf.append(votes / votes.sum(axis=1, keepdims=True) / len(estimators))
        roots.append(start)
        start += tree.node_count
    return Forest(
        np.concatenate(feature).astype(np.int32),
        np.concatenate(limit).astype(np.float32),
        np.concatenate(child).astype(np.int32),
        np.concatenate(leaf).astype(np.float32),
        np.array(roots, np.int32),
    )


def _rounded_down(limits: "NDArray[np.float64]") -> "NDArray[np.float32]":
    """Return the largest float32 numbers not above `limits`: float32 values compare alike with both."""
    rounded = limits.astype(np.float32)
    return np.where(rounded > limits, np.nextafter(rounded, np.float32(-np.inf)), rounded)
