import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmentation import (
    UNLABELLED,
    FeatureSet,
    PixelClassifier,
    compare_labels,
    match_series,
    smooth_median,
    threshold,
)
from volio import FormatError, InputError, LazyArray, OutputError, Volume, read


def test_it_learns_phases_from_a_few_voxels(phantom, classifier) -> None:
    labels = classifier.predict(Volume(phantom.grey), threads=1)
    truth = Volume(phantom.truth + 1)
    forest = compare_labels(labels, truth).accuracy
    assert forest > 0.97
    assert labels.metadata["segmentation"]["labels"] == [1, 2]
    assert sum(classifier.importance.values()) == pytest.approx(1)
    assert max(classifier.importance, key=classifier.importance.get).startswith("gaussian")


def test_it_tells_textures_apart_that_no_threshold_can() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(100, 20, (30, 30, 60))
    noise[..., 30:] = 100 + (noise[..., 30:] - 100) * 0.3  # the same mean, another spread
    truth = np.ones(noise.shape, np.uint8)
    truth[..., 30:] = 2
    strokes = np.zeros_like(truth)
    strokes[5:25:4, 5:25:4, 5:25:4] = 1
    strokes[5:25:4, 5:25:4, 35:55:4] = 2
    features = FeatureSet(("gaussian", "structure", "hessian"), (1.0, 2.0))
    found = PixelClassifier.fit(Volume(noise), strokes, features=features, trees=30, threads=1).predict(Volume(noise))
    assert compare_labels(found, Volume(truth)).accuracy > 0.95
    assert compare_labels(threshold(Volume(noise)).data + 1, Volume(truth)).accuracy < 0.7


def test_coarser_copies_of_labels_hold_labels_and_of_votes_means(phantom, classifier, monkeypatch) -> None:
    from segmentation import classifier as module

    asked = []
    monkeypatch.setattr(module, "map_blocks", lambda *_, **options: asked.append(options["pyramid"]))
    classifier.predict(Volume(phantom.grey))
    classifier.predict_probability(Volume(phantom.grey), label=1)
    assert asked == ["nearest", "mean"]


@settings(deadline=None, max_examples=4)
@given(edge=st.integers(11, 60), threads=st.integers(1, 2))
def test_blocks_and_threads_change_nothing(phantom, classifier, edge, threads) -> None:
    from functools import partial

    from segmentation import blockwise
    from segmentation import classifier as module

    part = Volume(phantom.grey[:20, :30, :40])
    whole = classifier.predict_probability(part, label=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "map_blocks", partial(blockwise.map_blocks, edge=edge))
        found = classifier.predict_probability(part, label=2, threads=threads)
    np.testing.assert_array_equal(found.data, whole.data)


def test_probabilities_and_uncertainty_fit_the_labels(phantom, classifier) -> None:
    part = Volume(phantom.grey[:20, :30, :40])
    first, second = (classifier.predict_probability(part, label=n).data for n in (1, 2))
    np.testing.assert_allclose(first + second, 1, atol=1e-5)
    np.testing.assert_array_equal(classifier.predict(part).data, np.where(second > first, 2, 1))
    np.testing.assert_allclose(classifier.predict_uncertainty(part).data, 1 - abs(first - second), atol=1e-5)


def test_the_report_judges_each_class_out_of_bag(classifier, labelled) -> None:
    assert [item.label for item in classifier.report] == [1, 2]
    assert [item.samples for item in classifier.report] == [(labelled == n).sum() for n in (1, 2)]
    for item in classifier.report:
        assert 0.85 < item.recall <= 1
        assert 0.85 < item.precision <= 1
        assert 0 < item.uncertainty < 0.4
        assert type(item.recall) is float


def test_sequences_thinning_and_seeds(phantom, labelled) -> None:
    features = FeatureSet(("gaussian",), (1.0,))
    pair = [Volume(phantom.grey)] * 2, [labelled] * 2
    options = {"features": features, "trees": 5, "samples": 50, "threads": 1}
    first, second = (PixelClassifier.fit(*pair, **options) for _ in range(2))
    assert [item.samples for item in first.report] == [2 * min(50, (labelled == n).sum()) for n in (1, 2)]
    np.testing.assert_array_equal(first.forest.limit, second.forest.limit)
    other = PixelClassifier.fit(*pair, **options, seed=7)
    assert not np.array_equal(first.forest.limit[:5], other.forest.limit[:5])


def test_a_file_gives_the_same_classifier_without_scikit_learn(phantom, classifier, tmp_path) -> None:
    path = classifier.save(tmp_path / "balls.npz")
    part = phantom.grey[:10, :12, :14]
    np.save(tmp_path / "part.npy", part)
    code = (
        "import sys, numpy as np; sys.modules['sklearn'] = None\n"
        "from segmentation import PixelClassifier\n"
        f"c = PixelClassifier.load({str(path)!r}); v = np.load({str(tmp_path / 'part.npy')!r})\n"
        f"np.save({str(tmp_path / 'out.npy')!r}, c.predict_probability(v, label=2, threads=1).data)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=".")
    expected = classifier.predict_probability(Volume(part), label=2).data
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), expected)
    loaded = PixelClassifier.load(path, features=classifier.features)
    assert loaded.report == classifier.report
    assert loaded.voxel_size == classifier.voxel_size == (0.5, 0.5, 0.5)
    assert loaded.importance == classifier.importance
    with pytest.raises(OutputError, match="exists already"):
        classifier.save(path)


def test_a_classifier_of_other_features_is_refused_by_their_names(classifier, tmp_path) -> None:
    path = classifier.save(tmp_path / "balls.npz")
    with pytest.raises(InputError, match=r"with hessian 1 \(sigma 1\).*; without grey") as caught:
        PixelClassifier.load(path, features=FeatureSet(("grey", "gaussian"), (1.0, 1.6)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"kinds": ["texture"]}, InputError, "does not know: feature 'texture'"),
        ({"feature_names": ["grey (rank 3)"]}, InputError, r"with grey \(rank 3\)"),
        ({"version": 99}, FormatError, "written by a newer volcorr"),
        ({"format": "other"}, FormatError, "is not a pixel classifier"),
        ({"labels": [1, 2, 3]}, FormatError, "trees do not fit together"),
    ],
)
def test_files_that_do_not_fit_are_refused(classifier, tmp_path, change, error, message) -> None:
    path = classifier.save(tmp_path / "a.npz")
    with np.load(path) as archive:
        arrays = dict(archive)
    header = {**json.loads(str(arrays.pop("header"))), **change}
    np.savez(tmp_path / "b.npz", header=np.array(json.dumps(header)), **arrays)
    with pytest.raises(error, match=message):
        PixelClassifier.load(tmp_path / "b.npz")


def test_trees_that_would_walk_in_circles_are_refused(classifier, tmp_path) -> None:
    path = classifier.save(tmp_path / "a.npz")
    for name, value in (("child", 0), ("feature", 99), ("limit", 1.0)):
        with np.load(path) as archive:
            arrays = dict(archive)
        arrays[name][-3:] = value
        np.savez(tmp_path / f"{name}.npz", **arrays)
        with pytest.raises(FormatError, match="trees do not fit together"):
            PixelClassifier.load(tmp_path / f"{name}.npz")


def test_files_that_are_no_classifier_are_refused(tmp_path) -> None:
    with pytest.raises(FormatError, match="there is no classifier at"):
        PixelClassifier.load(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("nothing")
    np.save(tmp_path / "array.npy", np.zeros(3))
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    for name in ("text.npz", "array.npy", "other.npz"):
        with pytest.raises(FormatError, match="damaged or not a pixel classifier"):
            PixelClassifier.load(tmp_path / name)


def test_another_voxel_size_is_told(phantom, classifier, caplog) -> None:
    classifier.predict(Volume(phantom.grey[:4, :4, :4], voxel_size=1.0))
    assert "its scales are in voxels" in caplog.text


def test_volumes_on_disk_masks_and_targets(phantom, classifier, tmp_path) -> None:
    grey = phantom.grey[:20, :30, :40]
    mask = np.zeros(grey.shape, bool)
    mask[5:15] = True
    lazy = Volume(LazyArray(lambda box: grey[box], grey.shape, np.uint8), voxel_size=0.5)
    found = classifier.predict(lazy, mask=mask, target=tmp_path / "labels.ome.zarr")
    plain = classifier.predict(Volume(grey)).data
    np.testing.assert_array_equal(found.data[:], np.where(mask, plain, UNLABELLED))
    assert found.dtype == np.uint8


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda v, m: PixelClassifier.fit(v, m[:5]), "the label image has shape"),
        (lambda v, m: PixelClassifier.fit(v, m * 0), "at least two classes, got \\[\\]"),
        (lambda v, m: PixelClassifier.fit(v, (m > 0) * 1), "at least two classes, got \\[1\\]"),
        (lambda v, m: PixelClassifier.fit(v, m.astype(float)), "must hold whole numbers"),
        (lambda v, m: PixelClassifier.fit([v], m), "give one volume and its labels, or a list of each"),
        (lambda v, m: PixelClassifier.fit([v], [m, m]), "there are 1 volumes and 2 label images"),
        (lambda v, m: PixelClassifier.fit(v, m, trees=0), "trees must be a whole number"),
        (lambda v, m: PixelClassifier.fit(v, m, depth=0), "depth must be a whole number"),
        (lambda v, m: PixelClassifier.fit(np.full(m.shape, np.nan), m), "NaN or infinite voxels"),
    ],
)
def test_bad_input_is_one_line(phantom, labelled, call, message) -> None:
    with pytest.raises(InputError, match=message):
        call(phantom.grey, labelled)


def test_unknown_classes_and_nan_are_one_line(classifier) -> None:
    with pytest.raises(InputError, match="label 7 was not learnt: this classifier knows 1, 2"):
        classifier.predict_probability(np.zeros((4, 4, 4)), label=7)
    with pytest.raises(InputError, match="NaN or infinite"):
        classifier.predict(np.full((4, 4, 4), np.nan))


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["spam_snow", "qim3d_cement_128x128x128"])
def test_real_phases_are_learnt_from_sure_voxels(data_dir, name) -> None:
    """Trained on voxels that are sure by a median and wide limits, the forest labels what lies between."""
    volume = read(data_dir / "volumes" / f"{name}.tif").crop(((0, 64), (0, 64), (0, 64)))
    smooth = smooth_median(volume).data.astype(float)
    low, high = np.percentile(smooth, (5, 70))
    sure = np.where(smooth <= low, 1, np.where(smooth >= high, 2, 0)).astype(np.uint8)
    strokes = np.where(np.random.default_rng(0).random(sure.shape) < 0.01, sure, 0)
    features = FeatureSet(("gaussian", "gradient"), (1.0, 2.0))
    classifier = PixelClassifier.fit(volume, strokes, features=features, trees=20, threads=2)
    found = classifier.predict(volume)
    assert compare_labels(found, sure, unlabelled=0).accuracy > 0.98
    (matched,) = match_series([volume], method="region", region=((0, 64), (0, 64), (0, 64)))
    assert (classifier.predict(matched).data == found.data).mean() > 0.999
