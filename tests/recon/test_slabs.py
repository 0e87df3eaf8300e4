import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recon.kept_slabs import kept_slabs
from recon.scan import Scan
from recon.slabs import WORKER_BYTES, SlabLayout, lay_out, run_slabs, slab_bytes
from recon.slice_plan import plan_slices
from volio import InputError
from volio.lazy import LazyArray

COUNT, ROWS, COLUMNS = 30, 37, 32
RNG = np.random.default_rng(0)
SHIFTS = RNG.uniform(-2, 2, (COUNT, 2))
LINES = RNG.normal(size=(COUNT, ROWS, COLUMNS)).astype(np.float32)


def plan_of(**options):
    shifts = options.pop("shifts", SHIFTS)
    angles = np.linspace(0, np.pi, COUNT, endpoint=False)
    return plan_slices(Scan(LINES, angles, center=15.2, shifts=shifts), padding="taper", **options)


WHOLE = {rings: plan_of(tilt=0.01, rings=rings).maker()((0, ROWS)) for rings in ("none", "regularization")}


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 40), st.integers(1, 3), st.integers(1, 3), st.sampled_from(["none", "regularization"]))
def test_no_bit_depends_on_how_slices_are_shared_out(tmp_path_factory, depth, at_once, threads, rings):
    plan = plan_of(tilt=0.01, rings=rings, slices=(2, ROWS))
    with kept_slabs(tmp_path_factory.mktemp("slabs") / "volume.tif") as kept:
        kept.open({}, resume=False, working=kept.output)
        out = kept.array("slices", plan.shape).create()
        assert run_slabs(plan, out, layout=SlabLayout(depth, at_once, threads, 0), kept=kept) == 0
        np.testing.assert_array_equal(out[:], WHOLE[rings][2:])


@pytest.mark.parametrize("method", ["sirt", "tv"])
def test_iterative_methods_do_not_depend_on_it_either(tmp_path, method):
    plan = plan_of(method=method, iterations=5, weight=0.1)
    whole = plan.maker()((0, ROWS))
    with kept_slabs(tmp_path / "volume.tif") as kept:
        kept.open({}, resume=False, working=kept.output)
        out = kept.array("slices", plan.shape).create()
        run_slabs(plan, out, layout=SlabLayout(5, 2, 1, 0), kept=kept)
        np.testing.assert_array_equal(out[:], whole)


def test_finished_slices_are_not_made_again_and_damaged_ones_are(tmp_path, caplog):
    plan = plan_of(tilt=0.01)
    with kept_slabs(tmp_path / "volume.tif") as kept:
        kept.open({}, resume=False, working=kept.output)
        out = kept.array("slices", plan.shape).create()
        layout = SlabLayout(8, 1, 1, 0)
        run_slabs(plan, out, layout=layout, kept=kept)
        marked = kept.load_slabs()
        assert sorted(marked) == [(0, 8), (8, 16), (16, 24), (24, 32), (32, 37)]
        out[20:21] = 7.0
        assert run_slabs(plan, out, layout=SlabLayout(5, 1, 1, 0), kept=kept) == ROWS - 8
        assert "slices 16 to 23 are damaged" in caplog.text
        np.testing.assert_array_equal(out[:], WHOLE["none"])
        assert run_slabs(plan, out, layout=layout, kept=kept) == ROWS


def test_slabs_fit_into_memory():
    rows, shape = plan_of(rings="all").rows, (COLUMNS, COLUMNS)
    small, large = (slab_bytes(rows, depth=depth, shape=shape) for depth in (8, 24))
    assert 8 * 4 * COUNT * COLUMNS < small < large
    # every thread cleans a sinogram of its own
    shared = slab_bytes(rows, depth=8, shape=shape, threads=3)
    assert shared - small >= 2 * 4 * 4 * COUNT * COLUMNS
    common = {"shape": shape, "slices": 1000}
    wide = lay_out(rows, memory=10**9, hands=4, **common)
    assert (wide.depth, wide.at_once, wide.threads) == (64, 4, 1)
    each = small + 8 * 4 * COLUMNS**2
    plain = plan_of().rows
    two = 2 * (slab_bytes(plain, depth=8, shape=shape, threads=2) + 8 * 4 * COLUMNS**2)
    tight = lay_out(plain, memory=two, hands=4, **common)
    assert (tight.depth, tight.at_once, tight.threads) == (8, 2, 2)
    # fewer rows are cleaned twice
    deep = lay_out(rows, memory=2 * each, hands=4, **common)
    assert (deep.at_once, deep.threads) == (1, 4)
    assert deep.depth > 8
    assert slab_bytes(rows, depth=8, shape=shape, method="tv") > 2 * slab_bytes(plan_of().rows, depth=8, shape=shape)
    few = lay_out(plain, shape=shape, slices=20, memory=10**9, hands=4)
    assert (few.depth, few.at_once) == (8, 3)
    with pytest.raises(InputError, match=r"give at least 0\.\dGB"):
        lay_out(rows, memory=each - 1, hands=4, **common)
    apart = lay_out(rows, memory=4 * each + 4 * WORKER_BYTES, hands=4, place="processes", **common)
    assert (apart.depth, apart.at_once, apart.threads) == (8, 4, 1)
    with pytest.raises(InputError, match="or fewer workers"):
        lay_out(rows, memory=3 * each + 4 * WORKER_BYTES, hands=4, place="processes", **common)
    assert lay_out(rows, memory=each, hands=40, place="dask", **common).at_once == 40


def test_lines_on_disk_give_the_same_slices(tmp_path):
    plan = plan_of(tilt=0.01)
    lazy = LazyArray.wrap(LINES)
    angles = np.linspace(0, np.pi, COUNT, endpoint=False)
    other = plan_slices(Scan(lazy, angles, center=15.2, shifts=SHIFTS), padding="taper", tilt=0.01)
    np.testing.assert_array_equal(other.maker()((3, 9)), plan.maker()((3, 9)))
    with pytest.raises(InputError, match="rings must be one of none"):
        plan_of(rings="some")
