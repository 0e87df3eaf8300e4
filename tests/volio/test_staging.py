import errno
import os
from pathlib import Path

import pytest

from volio import InputError, OutputError, staged
from volio.staging import remove_unfinished


def put(
    target: Path, *, names: tuple[str, ...] = (), error: BaseException | None = None, overwrite: bool = True
) -> None:
    """Write a file, or a folder that holds files of these names, and fail where asked to."""
    with staged(target, overwrite=overwrite) as temporary:
        if names:
            temporary.mkdir()
            for name in names:
                (temporary / name).write_text("new")
        else:
            temporary.write_text("new")
        if error is not None:
            raise error


def leftovers(folder: Path) -> list[str]:
    return sorted(item.name for item in folder.iterdir())


def test_file_moves_into_place(tmp_path: Path) -> None:
    with staged(tmp_path / "a.nii.gz") as temporary:
        assert temporary.parent == tmp_path
        assert temporary.name.endswith("a.nii.gz")
        temporary.write_text("new")
        assert not (tmp_path / "a.nii.gz").exists()
    assert (tmp_path / "a.nii.gz").read_text() == "new"
    assert leftovers(tmp_path) == ["a.nii.gz"]


def test_existing_target(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(OutputError, match=r"a\.txt exists already"), staged(target):
        pytest.fail("must be refused before any work")
    with staged(target, overwrite=True) as temporary:
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, InputError])
@pytest.mark.parametrize("folder", [False, True])
def test_nothing_is_left_behind(tmp_path: Path, error: type[BaseException], folder: bool) -> None:
    target = tmp_path / "a"
    target.write_text("old")
    with pytest.raises(error):
        put(target, names=("inner",) if folder else (), error=error("stop"))
    assert leftovers(tmp_path) == ["a"]
    assert target.read_text() == "old"


def test_folder_replaces_folder(tmp_path: Path) -> None:
    target = tmp_path / "a.zarr"
    for text in ("old", "new"):
        with staged(target, overwrite=True) as temporary:
            temporary.mkdir()
            (temporary / "zarr.json").write_text(text)
            (temporary / text).touch()
    assert leftovers(target) == ["new", "zarr.json"]
    assert leftovers(tmp_path) == ["a.zarr"]


def test_folder_of_other_things_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "photos"
    target.mkdir()
    (target / "cat.jpg").touch()
    with pytest.raises(OutputError, match="other things"):
        put(target, names=("zarr.json",))
    with pytest.raises(OutputError, match="is a folder"):
        put(target)
    assert leftovers(tmp_path) == ["photos"]
    assert leftovers(target) == ["cat.jpg"]


def test_folder_does_not_replace_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    with pytest.raises(OutputError, match="not replaced by a folder"):
        put(tmp_path / "a", names=("x",))
    assert (tmp_path / "a").read_text() == "old"


def test_old_folder_comes_back_when_the_move_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "a"
    target.mkdir()
    (target / "x").write_text("old")
    rename = Path.rename

    def broken(self: Path, other: Path) -> Path:
        if self.name.startswith(".partial"):
            raise OSError(errno.EIO, "broken")
        return rename(self, other)

    monkeypatch.setattr(Path, "rename", broken)
    with pytest.raises(OutputError, match="cannot be written"):
        put(target, names=("x",))
    assert (target / "x").read_text() == "old"
    assert leftovers(tmp_path) == ["a"]


def test_current_folder_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    with pytest.raises(OutputError, match="current or home folder"), staged(tmp_path / "a", overwrite=True):
        pytest.fail("must be refused")


def test_someone_else_was_faster(tmp_path: Path) -> None:
    def race() -> None:
        with staged(tmp_path / "a") as temporary:
            temporary.write_text("mine")
            (tmp_path / "a").write_text("theirs")

    with pytest.raises(OutputError, match="meanwhile"):
        race()
    assert (tmp_path / "a").read_text() == "theirs"


def test_missing_folder(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match=r"folder .*none does not exist.*make the folder"),
        staged(tmp_path / "none" / "a"),
    ):
        pytest.fail("must be refused")


def test_unwritable_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(OutputError, match="cannot be written to"), staged(tmp_path / "a"):
        pytest.fail("must be refused")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "disk full.*nothing was left behind"),
        (OSError("write failed: No space left on device"), "disk full"),
        (OSError("160000 requested and 51288 written"), "disk full"),
        (OSError(errno.EROFS, "Read-only file system"), "check the permissions"),
        (OSError(errno.EIO, "x"), "cannot be written: "),
        (OSError(), "cannot be written: OSError"),
    ],
)
def test_refusals_of_the_system_are_said_in_words(tmp_path: Path, error: OSError, says: str) -> None:
    with pytest.raises(OutputError, match=says):
        put(tmp_path / "a", error=error)
    assert leftovers(tmp_path) == []


def test_writer_that_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="nothing was written"), staged(tmp_path / "a"):
        pass


def test_what_killed_runs_left_is_removed_and_nothing_else(tmp_path):
    working = tmp_path / ".partial-00000001-out.tif"
    left = [tmp_path / ".partial-0123abcd-out.tif", tmp_path / ".partial-0123abcd-.partial-4567abcd-out.tif"]
    kept = [working, tmp_path / f".partial-89abcdef-{working.name}", tmp_path / ".partial-0123abcd-other.tif"]
    kept += [tmp_path / "out.tif", tmp_path / ".partial-notahexa-out.tif"]
    left[0].mkdir()
    for path in [left[1], *kept]:
        path.write_text("")
    remove_unfinished(tmp_path / "out.tif", working=working)
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in kept)
