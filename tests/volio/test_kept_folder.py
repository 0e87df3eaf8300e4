"""The folder beside an output, and runs that want the same one."""

from contextlib import ExitStack

import pytest

from volio import OutputError, open_checkpoint
from volio.kept_folder import claim_folder, empty_folder, kept_folder


def test_a_second_run_is_kept_away_until_the_first_ends(tmp_path):
    output = tmp_path / "out"
    folder = kept_folder(output)
    assert folder.parent == tmp_path
    assert folder.name.startswith(".")
    folder.mkdir()
    with ExitStack() as first:
        if not claim_folder(folder, output, first):
            pytest.skip("this system knows no locks")
        with ExitStack() as second, pytest.raises(OutputError, match=f"another run is making {output}"):
            claim_folder(folder, output, second)
    with ExitStack() as third:
        assert claim_folder(folder, output, third)


def test_what_a_run_has_kept_is_removed_and_nothing_else(tmp_path):
    kept = tmp_path / "kept"
    open_checkpoint(kept, {}, resume=False).save("a", {"x": 1})
    open_checkpoint(kept / "step", {}, resume=False).save("b", {"x": 2})
    empty_folder(kept)
    assert list(kept.iterdir()) == []
    (tmp_path / "thesis.txt").write_text("years of work")
    empty_folder(tmp_path)
    assert (tmp_path / "thesis.txt").is_file()
