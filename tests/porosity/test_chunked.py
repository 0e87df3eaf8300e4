import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from porosity import chunked, local_thickness, pore_size_distribution
from porosity.chunked import Chunking
from volio import InputError, Volume, open_checkpoint, read, write


def noise_pores(shape, seed: int, width: float) -> np.ndarray:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), width)
    return noise > np.quantile(noise, 0.5)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut small volumes too, and begin with a halo that is too small."""
    monkeypatch.setattr(chunked, "MOST_EDGE", 24)
    monkeypatch.setattr(chunked, "FIRST_HALO", 1)


def check_equal(first, second) -> None:
    np.testing.assert_array_equal(first.radius, second.radius)
    np.testing.assert_array_equal(first.volumes, second.volumes)
    assert (first.interior is None) == (second.interior is None)
    if first.interior is not None:
        np.testing.assert_array_equal(first.interior.radius, second.interior.radius)
        np.testing.assert_array_equal(first.interior.volumes, second.interior.volumes)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([(1, 1, 1), (2, 1, 1), (1, 3, 2)]), st.sampled_from(["none", "all"]))
def test_chunks_give_what_the_whole_gives(seed, size, walls) -> None:
    pores = noise_pores((29, 35, 41), seed, 2.0)
    whole = pore_size_distribution(pores, voxel_size=size, walls=walls, threads=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunked, "MOST_EDGE", 16)
        patch.setattr(chunked, "FIRST_HALO", 1)
        parts = pore_size_distribution(pores, voxel_size=size, walls=walls, memory="1GB", threads=2)
    check_equal(whole, parts)


@pytest.mark.usefixtures("small_chunks")
def test_walls_far_from_a_chunk_are_found() -> None:
    pores = np.ones((60, 20, 20), bool)
    pores[0, 0, 0] = False
    check_equal(
        pore_size_distribution(pores, voxel_size=1), pore_size_distribution(pores, voxel_size=1, executor="serial")
    )


@pytest.mark.usefixtures("small_chunks")
def test_processes_measure_files_on_disk(tmp_path) -> None:
    pores = noise_pores((40, 30, 30), 5, 2.0)
    write(Volume(pores.astype(np.uint8), voxel_size=(1.0, 1.0, 1.0)), tmp_path / "pores.npy")
    on_disk = Volume(np.load(tmp_path / "pores.npy", mmap_mode="r"), voxel_size=(1.0, 1.0, 1.0))
    found = pore_size_distribution(on_disk, executor="processes", threads=2)
    check_equal(pore_size_distribution(pores, voxel_size=1), found)


@pytest.mark.usefixtures("small_chunks")
def test_a_run_goes_on_where_it_was_ended(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    pores = noise_pores((50, 30, 30), 6, 2.0)
    checkpoint = open_checkpoint(tmp_path / "blocks", {"pores": 6}, resume=True)
    left = 2

    def stop(self, box):
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return kept(self, box)

    kept = chunked._CountSizes.__call__
    monkeypatch.setattr(chunked._CountSizes, "__call__", stop)
    with pytest.raises(KeyboardInterrupt):
        pore_size_distribution(pores, voxel_size=1, checkpoint=checkpoint, executor="serial")
    before = len(checkpoint.names())
    assert sum(name.startswith("sizes") for name in checkpoint.names()) == 2
    monkeypatch.setattr(chunked._CountSizes, "__call__", kept)
    found = pore_size_distribution(pores, voxel_size=1, checkpoint=checkpoint, executor="serial")
    assert len(checkpoint.names()) > before
    check_equal(pore_size_distribution(pores, voxel_size=1), found)


@pytest.mark.usefixtures("small_chunks")
def test_the_map_of_a_file_is_computed_as_it_is_written(tmp_path) -> None:
    pores = noise_pores((40, 30, 35), 7, 2.0)
    write(Volume(pores.astype(np.uint8), voxel_size=(2.0, 1.0, 1.0)), tmp_path / "pores.npy")
    on_disk = Volume(np.load(tmp_path / "pores.npy", mmap_mode="r"), voxel_size=(2.0, 1.0, 1.0))
    thickness = local_thickness(on_disk)
    assert thickness.is_lazy
    write(thickness, tmp_path / "thickness.npy")
    whole = local_thickness(pores, voxel_size=(2.0, 1.0, 1.0))
    np.testing.assert_array_equal(read(tmp_path / "thickness.npy").load().data, whole.data)


def test_memory_that_is_too_little_is_refused_and_more_makes_larger_chunks() -> None:
    with pytest.raises(InputError, match="give at least"):
        Chunking(memory="1MB", threads=2).boxes((500, 500, 500), (101, 101, 101))
    few = Chunking(memory="1GB", threads=1).boxes((300, 300, 300), (41, 41, 41))
    many = Chunking(memory="60MB", threads=1).boxes((300, 300, 300), (41, 41, 41))
    assert len(few) == 1 < len(many)
    assert sum((z.stop - z.start) * (y.stop - y.start) * (x.stop - x.start) for z, y, x in many) == 300**3


@pytest.mark.parametrize(("fill", "said"), [(0, "no pore voxel"), (1, "all voxels are pore")])
def test_nothing_to_measure_is_refused_in_chunks_too(fill: int, said: str) -> None:
    with pytest.raises(InputError, match=said):
        pore_size_distribution(np.full((20, 20, 20), fill, np.uint8), voxel_size=1, executor="serial")


def test_walls_that_are_neither_are_refused_in_chunks_too() -> None:
    with pytest.raises(InputError, match="none or all"):
        pore_size_distribution(noise_pores((20, 20, 20), 1, 2.0), voxel_size=1, walls="al", executor="serial")


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("executor", ["serial", "threads", "dask"])
def test_executors_and_the_order_of_axes_change_nothing(executor, tmp_path) -> None:
    pores = noise_pores((37, 30, 33), 8, 2.5)
    whole = pore_size_distribution(pores, voxel_size=(2, 1, 3), threads=1)
    order, size = (2, 0, 1), (3.0, 2.0, 1.0)
    np.save(tmp_path / "pores.npy", pores.transpose(order).astype(np.uint8))
    turned = Volume(np.load(tmp_path / "pores.npy", mmap_mode="r"), voxel_size=size)
    found = pore_size_distribution(turned, executor=executor, threads=2)
    np.testing.assert_array_equal(whole.radius, found.radius)
    np.testing.assert_array_equal(whole.volumes, found.volumes)


def test_a_run_that_was_killed_goes_on_and_gives_the_same(tmp_path) -> None:
    """The process is killed without warning after its first chunks; another one measures only what is left."""
    pores = noise_pores((60, 40, 40), 9, 2.0)
    np.save(tmp_path / "pores.npy", pores.astype(np.uint8))
    code = f"""
import os
import numpy as np
from porosity import chunked, pore_size_distribution
from volio import Volume, open_checkpoint
chunked.MOST_EDGE = 24
measure, done = chunked._CountSizes.__call__, []
def stop(self, box):
    if len(done) == 4:
        os.kill(os.getpid(), 9)
    done.append(box)
    return measure(self, box)
chunked._CountSizes.__call__ = stop
pores = Volume(np.load({str(tmp_path / "pores.npy")!r}, mmap_mode="r"), voxel_size=(1.0, 1.0, 1.0))
kept = open_checkpoint({str(tmp_path / "kept")!r}, {{"pores": 9}}, resume=True)
pore_size_distribution(pores, checkpoint=kept, executor="serial")
"""
    ended = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False)
    assert ended.returncode == -9
    kept = open_checkpoint(tmp_path / "kept", {"pores": 9}, resume=True)
    assert sum(name.startswith("sizes") for name in kept.names()) == 4
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunked, "MOST_EDGE", 24)
        measured = []
        count = chunked._CountSizes.__call__
        patch.setattr(chunked._CountSizes, "__call__", lambda self, box: measured.append(box) or count(self, box))
        found = pore_size_distribution(pores, voxel_size=1, checkpoint=kept, executor="serial")
    assert len(measured) == 3 * 2 * 2 - 4
    check_equal(pore_size_distribution(pores, voxel_size=1), found)
