"""Whether an installation of volcorr is whole and works, and what to do where it is not."""

import base64
import csv
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import Distribution
from pathlib import Path
from textwrap import wrap
from typing import Literal
from urllib.parse import unquote, urlparse
from urllib.request import url2pathname

from volcorr.runlog import PACKAGES

__all__ = ["Check", "check_correlation", "check_packages", "examine", "format_checks"]

#: Distributions that volcorr needs, and those that add something, with the extra that installs them.
NEEDED = (
    "numpy",
    "scipy",
    "numba",
    "xarray",
    "zarr",
    "pandas",
    "tifffile",
    "imagecodecs",
    "h5py",
    "mrcfile",
    "nibabel",
    "pynrrd",
    "matplotlib",
    "click",
    "tqdm",
)
OPTIONAL = {"pyarrow": "parquet"}
_REPAIR = "pip install --force-reinstall --no-deps volcorr"


@dataclass(frozen=True)
class Check:
    """What was found about one thing.

    Attributes
    ----------
    name : str
        What was looked at.
    state : {"ok", "note", "fault"}
        "note" is something to know that stops nothing.
    detail : str
        What was found, and what to do.
    """

    name: str
    state: Literal["ok", "note", "fault"]
    detail: str


def examine() -> list[Check]:
    """Look at everything that can be wrong with an installation.

    Returns
    -------
    list of Check
        In the order in which to read them.
    """
    checks = [_check_python(), _check_needed()]
    checks += [_check_optional(name, extra) for name, extra in OPTIONAL.items()]
    checks += check_packages()
    checks += [_guarded("threads", _check_threads), _guarded("numba", _check_numba)]
    checks.append(_guarded("correlation", check_correlation))
    return checks


def format_checks(checks: list[Check]) -> str:
    """Lay checks out as lines of text, one each, with a last line that says whether something is wrong."""
    lines = []
    for check in checks:
        head = f"{check.state:<6} {check.name:<14}"
        lines += wrap(check.detail, 110, initial_indent=head, subsequent_indent=" " * len(head), break_on_hyphens=False)
    faults = [check.name for check in checks if check.state == "fault"]
    lines += ["", f"something is wrong: {', '.join(faults)}" if faults else "all is well"]
    return "\n".join(lines)


def check_packages(distribution: str = "volcorr") -> list[Check]:
    """Check that each of our import packages is the one that our distribution installed.

    Other distributions use some of the same names; whichever is installed last overwrites the other.

    Parameters
    ----------
    distribution : str
        Name of our distribution.

    Returns
    -------
    list of Check
        One a package.
    """
    try:
        ours = importlib.metadata.distribution(distribution)
    except importlib.metadata.PackageNotFoundError:
        here = Path(__file__).resolve().parents[1]
        return [_check_beside(name, here, "not installed, used from") for name in PACKAGES]
    source = _editable_source(ours)
    if source is not None:
        return [_check_beside(name, source, "editable install of") for name in PACKAGES]
    return [_check_installed(name, ours) for name in PACKAGES]


def check_correlation() -> Check:
    """Correlate a small pair of known displacement and hold the result against the truth."""
    import numpy as np

    from acquisition import BlobTexture, compress, translate
    from volcorr import correlate
    from volcorr.fields import displacement_array, valid_points

    start = time.perf_counter()
    shape = (56, 56, 56)
    texture = BlobTexture.random(shape, rng=1)
    motion = compress(0.03, centre=(27.5, 27.5, 27.5), poisson=-1.0).then(translate((0.3, -0.2, 0.1)))
    pair = texture.render(shape), texture.render(shape, motion=motion)
    fields = correlate(*pair, subset_size=21, spacing=6, progress=False)
    axes = np.meshgrid(*(fields[axis].to_numpy() for axis in "zyx"), indexing="ij")
    truth = np.moveaxis(motion.displacement(np.stack(axes, axis=-1)), -1, 0)
    valid = valid_points(fields)
    error = (displacement_array(fields) - truth)[:, valid]
    rms = float(np.sqrt(np.mean(error**2))) if valid.any() else float("inf")
    share = float(valid.mean())
    text = f"{valid.sum()} of {valid.size} points valid, error {rms:.4f} voxels rms"
    text += f", {time.perf_counter() - start:.1f} s with compilation"
    if share < 0.9 or rms > 0.02:
        return Check("correlation", "fault", f"{text}: expected 90 % and 0.02; please report it with this text")
    return Check("correlation", "ok", text)


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    """Return what `check` finds; whatever it raises is a fault of the installation, to be named."""
    try:
        return check()
    except Exception as error:
        return Check(name, "fault", f"{type(error).__name__}: {' '.join(str(error).split())}; {_REPAIR}")


def _check_python() -> Check:
    """Version of volcorr, of Python, and the platform."""
    text = f"Python {platform.python_version()}, {platform.platform()}"
    version = _version("volcorr")
    if version is None:
        return Check("distribution", "note", f"not installed, used from {Path(__file__).resolve().parents[1]}, {text}")
    return Check("distribution", "ok", f"volcorr {version}, {text}")


def _check_needed() -> Check:
    """Whether the distributions that we need are installed."""
    found = {name: _version(name) for name in NEEDED}
    missing = [name for name, version in found.items() if version is None]
    if missing:
        return Check("dependencies", "fault", f"missing: pip install {' '.join(missing)}")
    return Check("dependencies", "ok", ", ".join(f"{name} {version}" for name, version in found.items()))


def _check_optional(name: str, extra: str) -> Check:
    """Whether a distribution that adds something is installed."""
    version = _version(name)
    if version is None:
        return Check(name, "note", f'not installed (optional): pip install "volcorr[{extra}]"')
    return Check(name, "ok", f"{version} (optional)")


def _version(name: str) -> str | None:
    """Version of an installed distribution; None where it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _check_threads() -> Check:
    """How many threads are used."""
    from volio import default_threads

    return Check(
        "threads",
        "ok",
        f"{default_threads()} of {os.cpu_count()} cores; --threads or VOLCORR_NUM_THREADS set it",
    )


def _check_numba() -> Check:
    """Numba's threading layer, and whether compiled kernels can be kept."""
    import numba

    name = getattr(numba.config, "THREADING_LAYER", "unknown")
    layer = f"threading layer {name} (not used: kernels run on one thread each)"
    folder = os.environ.get("NUMBA_CACHE_DIR") or Path(__file__).resolve().parent
    if os.access(folder, os.W_OK):
        return Check("numba cache", "ok", f"kernels are kept below {folder}; {layer}")
    text = f"{folder} is read-only: if each start takes long, set NUMBA_CACHE_DIR to a folder of yours; {layer}"
    return Check("numba cache", "note", text)


def _home(package: str) -> Path | None:
    """Folder that holds the folder of an import package; None where it cannot be imported."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).resolve().parent.parent


def _editable_source(ours: Distribution) -> Path | None:
    """Source folder of an editable install; None for an ordinary one."""
    text = ours.read_text("direct_url.json")
    if text is None:
        return None
    direct = json.loads(text)
    if not direct.get("dir_info", {}).get("editable", False):
        return None
    return Path(url2pathname(unquote(urlparse(direct["url"]).path))).resolve()


def _check_beside(name: str, source: Path, how: str) -> Check:
    """Whether the import package `name` lies in the folder `source`."""
    home = _home(name)
    if home == source:
        return Check(name, "ok", f"{how} {source}")
    if home is None:
        return Check(name, "fault", f"missing from {source}: restore it from the repository")
    return Check(name, "fault", f"comes from {home}, not from {source}: {_removal(name) or 'check sys.path'}")


def _check_installed(name: str, ours: Distribution) -> Check:
    """Whether the files of import package `name` are those that our distribution installed, byte for byte."""
    files = _recorded(name, ours)
    home, place = _home(name), Path(str(ours.locate_file(""))).resolve()
    removal = _removal(name)
    advice = f"{removal}, then {_REPAIR}" if removal else _REPAIR
    changed = [file for file, digest in files if not _unchanged(place / file, digest)]
    if not files:
        fault = "is not part of the installed volcorr"
    elif home is None:
        fault = "its files are gone"
    elif home != place:
        fault = f"comes from {home}, not from {place}"
    elif changed:
        fault = f"{changed[0]} is not the installed one"
    elif removal:
        fault = "its name is shared with another distribution"
    else:
        return Check(name, "ok", f"installed in {place}")
    return Check(name, "fault", f"{fault}: {advice}")


def _recorded(name: str, ours: Distribution) -> list[tuple[str, str]]:
    """Files of import package `name` in the record of our distribution, missing ones too, with their hashes."""
    rows = csv.reader((ours.read_text("RECORD") or "").splitlines())
    return [(row[0], row[1]) for row in rows if row[0].split("/")[0] == name and row[1]]


def _unchanged(path: Path, recorded: str) -> bool:
    """Whether a file has the hash that was recorded when it was installed, such as ``sha256=...``."""
    if not path.is_file():
        return False
    mode, _, expected = recorded.partition("=")
    digest = hashlib.new(mode, path.read_bytes()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == expected


def _removal(name: str) -> str:
    """How to remove other distributions that install the import package `name`; empty where there is none."""
    owners = importlib.metadata.packages_distributions().get(name, [])
    others = sorted({owner for owner in owners if owner != "volcorr"})
    return f"pip uninstall {' '.join(others)}" if others else ""
