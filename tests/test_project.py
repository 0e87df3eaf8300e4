"""The project files say what the code does: commands and options, versions, constraints."""

import importlib.metadata
import re
import tomllib
from pathlib import Path

import click
import pytest

from volcorr.cli.group import cli

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/reference/commands.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def section(command: str) -> str:
    """Text of the page from the heading of `command` to the next one."""
    found = re.search(rf"^## volcorr {command}\b.*?(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"docs/reference/commands.md has no section '## volcorr {command}'"
    return found.group()


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_every_command_and_option_is_documented(name: str) -> None:
    text = section(name)
    options = [p for p in cli.commands[name].params if isinstance(p, click.Option) and not p.hidden]
    missing = [o for p in options for o in (*p.opts, *p.secondary_opts) if f"`{o}" not in text and f" {o}`" not in text]
    assert not [o for o in missing if o != "--help"]


def test_no_option_is_documented_that_does_not_exist() -> None:
    for name in re.findall(r"^## volcorr (\S+)", PAGE, re.MULTILINE):
        known = {o for p in cli.commands[name].params for o in (*p.opts, *p.secondary_opts)}
        used = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", section(name)))
        assert used <= known | {"--help", "--version"}, f"volcorr {name}: {sorted(used - known)} do not exist"


def test_citation_and_package_have_one_version() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {PROJECT['version']}\n" in citation


def test_every_requirement_has_a_constraint() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.split("==")[0] for line in lines if line and not line.startswith("#")}
    extras = [text for group in PROJECT["optional-dependencies"].values() for text in group]
    names = {re.split(r"[\[<>=~! ]", text)[0].lower().replace("_", "-") for text in PROJECT["dependencies"] + extras}
    assert names - {PROJECT["name"]} <= pinned


def test_the_installed_package_is_this_version() -> None:
    assert importlib.metadata.version("volcorr") == PROJECT["version"]
