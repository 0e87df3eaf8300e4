"""Blocks of points: how a grid is cut, and that cutting, executors and checkpoints change no bit."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from volcorr import correlate
from volcorr.grid import Grid
from volcorr.icgn import Matching, refine
from volcorr.point_blocks import Measurement, block_bytes, cut_grid
from volcorr.windows import Grey
from volio.blocks import SerialExecutor
from volio.checkpoint import open_checkpoint
from volio.lazy import LazyArray

MATCHING = Matching(half=(8, 8, 8))
QUICK = {"subset_size": 17, "spacing": 10, "progress": False}


@given(
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    spacing=st.tuples(*[st.integers(1, 20)] * 3),
    memory=st.integers(0, 4_000_000),
    workers=st.integers(1, 12),
)
@settings(max_examples=60, deadline=None)
def test_blocks_are_boxes_that_keep_to_the_memory(shape, spacing, memory, workers):
    grid = Grid((12, 12, 12), spacing, shape)
    owner = cut_grid(grid, MATCHING, memory=memory, workers=workers)
    assert owner.shape == (grid.size,)
    numbers = np.unique(owner)
    np.testing.assert_array_equal(numbers, np.arange(len(numbers)))
    assert len(numbers) >= min(workers, grid.size) or max(shape) < workers
    index = np.stack(np.unravel_index(np.arange(grid.size), shape), axis=1)
    for number in numbers:
        part = index[owner == number]
        count = part.max(axis=0) - part.min(axis=0) + 1
        assert np.prod(count) == len(part)  # a box without holes
        assert block_bytes(count, spacing, MATCHING) <= memory or len(part) == 1


def test_much_memory_makes_one_block():
    assert not cut_grid(Grid((0, 0, 0), (16,) * 3, (5, 5, 5)), MATCHING, memory=1 << 30).any()


def test_the_stated_bytes_hold_what_is_read():
    """The boxes of a block that moved a little fit into its estimate, eight bytes a voxel of both."""
    grid = Grid((20, 20, 20), (10, 10, 10), (4, 4, 4))
    start = np.zeros((grid.size, 3, 10))
    boxes = [MATCHING.reference_box(grid.points()), MATCHING.target_box(grid.points(), start)]
    held = sum(4 * int(np.prod(box.shape)) for box in boxes)
    assert held < block_bytes(np.array([4, 4, 4]), grid.spacing, MATCHING) < 20 * held


@pytest.fixture(scope="module")
def plain(compressed):
    return correlate(compressed.reference, compressed.deformed, **QUICK)


def equal_but_for_attributes(one, other):
    xr.testing.assert_equal(one, other)
    assert dict(one.attrs) == dict(other.attrs)


@pytest.mark.parametrize(
    "options",
    [
        {"threads": 1},
        {"threads": 2},
        {"threads": 4},
        {"executor": "serial"},
        {"executor": "threads"},
        {"executor": SerialExecutor()},
        {"executor": SerialExecutor(), "memory": 3_000_000},
        {"memory": 1 << 34},
    ],
    ids=str,
)
def test_where_blocks_run_changes_no_bit(compressed, plain, options):
    equal_but_for_attributes(correlate(compressed.reference, compressed.deformed, **QUICK, **options), plain)


@pytest.mark.parametrize("executor", ["processes", "dask"])
def test_other_processes_change_no_bit(compressed, plain, executor):
    if executor == "dask":
        pytest.importorskip("distributed")
    found = correlate(compressed.reference, compressed.deformed, executor=executor, threads=2, **QUICK)
    equal_but_for_attributes(found, plain)


@pytest.mark.parametrize("spline", ["cubic", "quintic"])
def test_how_points_are_cut_into_blocks_changes_no_bit(compressed, spline):
    """One block a point, read from lazy volumes with holes and masks, against all in one."""
    rng = np.random.default_rng(0)
    volumes = [v + rng.normal(0, 4, v.shape).astype(np.float32) for v in (compressed.reference, compressed.deformed)]
    volumes[0][20, 30, 40], volumes[1][45, 20, 15] = np.nan, np.inf
    grid = Grid((12, 12, 12), (13, 13, 13), (4, 4, 4))
    points, mask = grid.points(), np.zeros((64,) * 3, bool)
    mask[:, :48] = True
    greys = [Grey(v, 128.0, 15.0, False, m) for v, m in zip(volumes, (mask, None), strict=True)]
    lazy = [
        Grey(LazyArray.wrap(v), 128.0, 15.0, False, m)
        for v, m in zip(volumes, (LazyArray.wrap(mask), None), strict=True)
    ]
    start = np.zeros((grid.size, 3, 4))
    start[:, :, 0] = compressed.motion.displacement(points) + rng.uniform(-0.5, 0.5, (grid.size, 3))
    matching = Matching(half=(8, 9, 10), spline=spline)
    whole = refine(*greys, points, start, matching)
    assert {0, 1} <= set(whole.status.tolist())
    for owner in (np.arange(grid.size), rng.integers(0, 7, grid.size), cut_grid(grid, matching, memory=2_000_000)):
        found = Measurement(*lazy, matching).run(np.arange(grid.size), points, start, owner, name="points")
        for name in ("parameters", "cc", "sigma", "iterations", "share", "status"):
            np.testing.assert_array_equal(getattr(found, name), getattr(whole, name), err_msg=name)


def test_some_rows_in_any_order(compressed):
    greys = [Grey(v, 128.0, 15.0, True) for v in (compressed.reference, compressed.deformed)]
    grid = Grid((14, 14, 14), (12, 12, 12), (4, 4, 4))
    measurement, owner = Measurement(*greys, MATCHING), np.arange(grid.size) // 10
    start = np.zeros((grid.size, 3, 4))
    whole = measurement.run(np.arange(grid.size), grid.points(), start, owner, name="points")
    rows = np.array([60, 3, 17, 42, 4])
    some = measurement.run(rows, grid.points(), start[rows], owner, name="repair-000")
    np.testing.assert_array_equal(some.parameters, whole.parameters[rows])
    assert len(measurement.run(rows[:0], grid.points(), start[:0], owner, name="none").status) == 0


def test_a_run_goes_on_from_its_finished_blocks(compressed, plain, tmp_path, monkeypatch):
    import volcorr.point_blocks as module

    measured = []
    original = module.refine

    def counting(*args, **kwargs):
        measured.append(len(args[2]))
        if len(measured) == stop:
            raise KeyboardInterrupt
        return original(*args, **kwargs)

    monkeypatch.setattr(module, "refine", counting)
    options = QUICK | {"executor": SerialExecutor(), "memory": 3_000_000}
    stop = 2
    with pytest.raises(KeyboardInterrupt):
        correlate(
            compressed.reference,
            compressed.deformed,
            checkpoint=open_checkpoint(tmp_path / "run", {"a": 1}, resume=False),
            **options,
        )
    assert len(measured) == 2
    first, stop = measured[0], -1
    measured.clear()
    found = correlate(
        compressed.reference,
        compressed.deformed,
        checkpoint=open_checkpoint(tmp_path / "run", {"a": 1}, resume=True),
        **options,
    )
    equal_but_for_attributes(found, plain)
    assert sum(measured) <= plain["status"].size - first
