import logging
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from recon.decisions import Decisions
from recon.kept_slabs import kept_slabs
from volio import InputError, OutputError
from volio.kept_folder import kept_folder

DECISIONS = Decisions(
    center=31.4159,
    center_sigma=0.1,
    tilt=1e-3,
    shifts=np.random.default_rng(0).normal(size=(5, 2)),
    rings="all",
    confidence="pairs",
    notes=("one", "two"),
)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "volume.ome.zarr"


def keep(output: Path, *, resume: bool = False, error: BaseException | None = None, **identity: object) -> object:
    """Open, see what is there, finish a slab, and end."""
    with kept_slabs(output) as kept:
        kept.open(identity, resume=resume, working=output.with_name(".partial-01234567-volume.ome.zarr"))
        found = kept.load_slabs(), kept.load_decisions()
        kept.save_slab(0, 8, 4_000_000_000)
        kept.save_decisions(DECISIONS)
        kept.array("lines", (1, 2, 3)).create()
        if error is not None:
            raise error
    return found


def test_what_is_kept_comes_back_as_it_was(output: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        keep(output, error=KeyboardInterrupt())
    names = {path.name for path in kept_folder(output).iterdir()}
    assert names == {"identity.json", "decisions.npz", "slices-000000-000008.npz"}
    slabs, decisions = keep(output, resume=True)
    assert slabs == {(0, 8): 4_000_000_000}
    assert decisions.to_metadata() == DECISIONS.to_metadata()
    np.testing.assert_array_equal(decisions.shifts, DECISIONS.shifts)
    assert list(output.parent.iterdir()) == []


def test_what_another_start_would_meet_again_is_not_kept(output: Path) -> None:
    with pytest.raises(InputError):
        keep(output, error=InputError("NaN"))
    assert list(output.parent.iterdir()) == []
    with pytest.raises(InputError, match="before it was opened"), kept_slabs(output):
        raise InputError("before it was opened")
    assert list(output.parent.iterdir()) == []


def test_another_run_is_told_apart_or_dropped(output: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(OutputError):
        keep(output, error=OutputError("disk full"), filter="ramp")
    with pytest.raises(InputError, match='filter was "ramp", is now "hann"'):
        keep(output, resume=True, filter="hann")
    assert kept_folder(output).is_dir()
    (output.parent / ".partial-0123abcd-volume.ome.zarr").mkdir()
    (output.parent / ".partial-0123abcd-.partial-89abcdef-volume.ome.zarr").write_text("")
    (output.parent / ".partial-0123abcd-other.ome.zarr").mkdir()
    assert keep(output, filter="hann") == ({}, None)
    assert "is dropped: --resume would have gone on with it" in caplog.text
    assert [path.name for path in output.parent.iterdir()] == [".partial-0123abcd-other.ome.zarr"]


def test_two_runs_and_systems_without_locks(output: Path, monkeypatch: pytest.MonkeyPatch, caplog) -> None:
    with kept_slabs(output) as first:
        first.open({}, resume=False, working=output)
        with pytest.raises(OutputError, match="another run is making"):
            keep(output)
        assert kept_folder(output).is_dir()
    monkeypatch.setitem(sys.modules, "fcntl", None)
    assert keep(output) == ({}, None)

    def refuse(*_: object) -> None:
        raise OSError("no locks here")

    monkeypatch.setitem(sys.modules, "fcntl", SimpleNamespace(flock=refuse, LOCK_EX=2, LOCK_NB=4))
    with caplog.at_level(logging.DEBUG):
        assert keep(output) == ({}, None)
    assert "cannot be locked: no locks here" in caplog.text
