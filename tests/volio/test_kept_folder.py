"""The folder beside an output, and runs that want the same one."""

from contextlib import ExitStack

import pytest

from volio import OutputError
from volio.kept_folder import claim_folder, kept_folder


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
