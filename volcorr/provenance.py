"""Whether the inputs of a run are still the ones that an earlier run recorded."""

from collections.abc import Mapping
from pathlib import Path

from volio import InputError, checksum, run_blocks

__all__ = ["check_unchanged"]


def check_unchanged(inputs: Mapping[str, Path], recorded: Mapping[str, str]) -> dict[str, str]:
    """Checksums of `inputs`, held against those that an earlier run recorded.

    Parameters
    ----------
    inputs : mapping of str to Path
        Role (such as "reference") and file or folder of each input.
    recorded : mapping of str to str
        Role and checksum; a role that is missing here is not compared.

    Returns
    -------
    dict of str to str
        Role and present checksum of each input.

    Raises
    ------
    InputError
        An input is not the one of the earlier run.
    """
    present = dict(zip(inputs, run_blocks(checksum, list(inputs.values())), strict=True))
    for role, found in present.items():
        if recorded.get(role, found) != found:
            raise InputError(
                f"{inputs[role]} is not the {role} of the recorded run, its checksum differs: "
                "restore that file, or name REFERENCE and DEFORMED (or --mask) to use new ones"
            )
    return present
