import base64
import hashlib
import importlib.metadata
import importlib.util
import json
import tomllib
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from volcorr import doctor
from volcorr.doctor import Check, check_correlation, check_packages, examine, format_checks
from volcorr.runlog import PACKAGES

ROOT = Path(__file__).resolve().parents[2]


def install(site: Path, name: str, packages: tuple[str, ...], text: str = "") -> None:
    """Lay a distribution into `site` as pip does."""
    lines = []
    for package in packages:
        (site / package).mkdir(exist_ok=True)
        content = f'"""{name}{text}"""\n'.encode()
        (site / package / "__init__.py").write_bytes(content)
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{package}/__init__.py,sha256={digest},{len(content)}")
    info = site / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "RECORD").write_text("\n".join([*lines, f"{name}-1.0.dist-info/METADATA,,"]) + "\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of installed packages, and nothing else on the path of the metadata."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    look_into(monkeypatch, folder)
    return folder


def look_into(monkeypatch: pytest.MonkeyPatch, *folders: Path) -> None:
    """Let distributions be found in the first folder, and import packages in whichever has them first."""

    def find_distribution(name: str) -> importlib.metadata.Distribution:
        for found in importlib.metadata.distributions(path=[str(folders[0])]):
            if found.metadata["Name"] == name:
                return found
        raise importlib.metadata.PackageNotFoundError(name)

    def find_spec(name: str) -> ModuleSpec | None:
        for folder in folders:
            if (folder / name / "__init__.py").exists():
                return ModuleSpec(name, None, origin=str(folder / name / "__init__.py"))
        return None

    def owners() -> dict[str, list[str]]:
        table: dict[str, list[str]] = {}
        for found in importlib.metadata.distributions(path=[str(folders[0])]):
            for file in found.files or []:
                table.setdefault(file.parts[0], []).append(found.metadata["Name"])
        return table

    monkeypatch.setattr(importlib.metadata, "distribution", find_distribution)
    monkeypatch.setattr(importlib.metadata, "packages_distributions", owners)
    monkeypatch.setattr(importlib.util, "find_spec", find_spec)


def states() -> dict[str, str]:
    return {check.name: check.state for check in check_packages()}


def detail(name: str) -> str:
    return next(check.detail for check in check_packages() if check.name == name)


def test_the_list_of_packages_is_that_of_the_distribution() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert sorted(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == sorted(PACKAGES)


def test_this_installation_has_its_own_packages() -> None:
    assert {check.state for check in check_packages()} == {"ok"}


def test_an_ordinary_install_is_well(site: Path) -> None:
    install(site, "volcorr", PACKAGES)
    assert set(states().values()) == {"ok"}


def test_a_package_that_another_distribution_overwrote(site: Path) -> None:
    install(site, "volcorr", PACKAGES)
    install(site, "viewers", ("viewers",))
    assert states() == dict.fromkeys(PACKAGES, "ok") | {"viewers": "fault"}
    assert "viewers/__init__.py is not the installed one" in detail("viewers")
    assert "pip uninstall viewers, then pip install --force-reinstall --no-deps volcorr" in detail("viewers")


def test_a_package_that_overwrote_another_distribution(site: Path) -> None:
    install(site, "viewers", ("viewers",))
    install(site, "volcorr", PACKAGES)
    assert states()["viewers"] == "fault"
    assert "shared" in detail("viewers")


def test_a_package_whose_files_are_gone(site: Path) -> None:
    install(site, "volcorr", PACKAGES)
    (site / "viewers" / "__init__.py").unlink()
    assert "its files are gone: pip install --force-reinstall" in detail("viewers")


def test_a_package_that_is_not_part_of_the_install(site: Path) -> None:
    install(site, "volcorr", ("volcorr", "volio", "acquisition"))
    assert states()["viewers"] == "fault"


def test_a_package_that_comes_from_elsewhere(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(site, "volcorr", PACKAGES)
    other = tmp_path / "here"
    (other / "viewers").mkdir(parents=True)
    (other / "viewers" / "__init__.py").write_text("")
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: ModuleSpec(name, None, origin=str((other if name == "viewers" else site) / name / "__init__.py")),
    )
    assert states() == dict.fromkeys(PACKAGES, "ok") | {"viewers": "fault"}
    assert f"comes from {other}, not from {site}" in detail("viewers")


def make_editable(site: Path, source: Path) -> None:
    install(site, "volcorr", ())
    record = {"url": source.as_uri(), "dir_info": {"editable": True}}
    (site / "volcorr-1.0.dist-info" / "direct_url.json").write_text(json.dumps(record))


def test_an_editable_install(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "my checkout"
    for name in PACKAGES:
        (source / name).mkdir(parents=True)
        (source / name / "__init__.py").write_text("")
    make_editable(site, source)
    look_into(monkeypatch, site, source)
    assert set(states().values()) == {"ok"}
    install(site, "viewers", ("viewers",))
    assert states() == dict.fromkeys(PACKAGES, "ok") | {"viewers": "fault"}
    assert "pip uninstall viewers" in detail("viewers")
    (source / "volio" / "__init__.py").unlink()
    assert "missing from" in detail("volio")


def test_a_local_install_that_is_not_editable(site: Path) -> None:
    install(site, "volcorr", PACKAGES)
    (site / "volcorr-1.0.dist-info" / "direct_url.json").write_text('{"url": "file:///x", "dir_info": {}}')
    assert set(states().values()) == {"ok"}


def test_a_checkout_that_is_not_installed(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    look_into(monkeypatch, site, ROOT)
    assert set(states().values()) == {"ok"}
    assert "not installed, used from" in detail("volio")


def test_correlation_is_checked_against_the_truth() -> None:
    check = check_correlation()
    assert check.state == "ok", check.detail
    assert "points valid" in check.detail


def test_a_wrong_correlation_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    import volcorr

    right = volcorr.correlate

    def wrong(*args: object, **options: object) -> object:
        fields = right(*args, **options)
        return fields.assign(u_z=fields["u_z"] + 0.1)

    monkeypatch.setattr(volcorr, "correlate", wrong)
    assert check_correlation().state == "fault"


def test_what_fails_to_import_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Check:
        raise ImportError("libgomp.so.1:\ncannot open shared object file")

    monkeypatch.setattr(doctor, "check_correlation", broken)
    checks = examine()
    assert checks[-1].state == "fault"
    assert checks[-1].detail.startswith("ImportError: libgomp.so.1: cannot open")
    assert "something is wrong: correlation" in format_checks(checks)


def test_missing_distributions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_version", lambda name: None)
    monkeypatch.setattr(doctor, "check_correlation", lambda: Check("correlation", "ok", ""))
    checks = {check.name: check for check in examine()}
    assert checks["dependencies"].state == "fault"
    assert "pip install numpy scipy" in checks["dependencies"].detail
    assert checks["pyarrow"].state == "note"
    assert 'pip install "volcorr[parquet]"' in checks["pyarrow"].detail
    assert checks["distribution"].state == "note"


def test_a_read_only_cache_is_a_note(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "missing"))
    monkeypatch.setattr(doctor, "check_correlation", lambda: Check("correlation", "ok", ""))
    checks = {check.name: check for check in examine()}
    assert checks["numba cache"].state == "note"


def test_all_is_well() -> None:
    text = format_checks([Check("one", "ok", "fine"), Check("two", "note", "to know")])
    assert text.splitlines()[-1] == "all is well"
