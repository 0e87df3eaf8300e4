"""Run volcorr, spam and al-dvc on the same pair at the same points.

The peers live in an environment of their own, are called through their public functions by the small programs in
``benchmarks/peers``, and hand back arrays: nothing of theirs is imported here.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Formatter
from typing import Any

import numpy as np

from acquisition.motion import Motion

PEERS = {"spam": "run_spam.py", "al-dvc": "run_aldvc.py"}
AXES = ("z", "y", "x")
#: What the peers need to find start values on their own.
STARTS: dict[str, dict[str, Any]] = {"al-dvc": {}, "spam": {"register": 4, "register_stop": 2, "search": 4}}


@dataclass(frozen=True)
class PointGrid:
    """A regular grid of measurement points: `first`, `spacing` and `count` along z, y, x in voxels."""

    first: tuple[int, int, int]
    spacing: tuple[int, int, int]
    count: tuple[int, int, int]

    @classmethod
    def inside(cls, shape: tuple[int, ...], *, margin: int, spacing: int) -> "PointGrid":
        """Lay points at least `margin` voxels from every face, centred."""
        spans = [n - 1 - 2 * margin for n in shape]
        if min(spans) < spacing:
            raise SystemExit(f"a volume of {shape} is too small for points {margin} voxels from its faces")
        counts = [span // spacing + 1 for span in spans]
        first = [margin + (span - (n - 1) * spacing) // 2 for span, n in zip(spans, counts, strict=True)]
        return cls(tuple(first), (spacing,) * 3, tuple(counts))

    @property
    def points(self) -> np.ndarray:
        """(n, 3) positions, x fastest."""
        axes = [f + s * np.arange(n) for f, s, n in zip(self.first, self.spacing, self.count, strict=True)]
        return np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)

    def reached(self, motion: Motion, shape: tuple[int, ...], half: int, *, spare: int = 3) -> np.ndarray:
        """Tell which points (n,) keep their whole moved subset, and `spare` voxels around it, inside the volume."""
        corners = np.stack(np.meshgrid(*[(-half, half)] * 3, indexing="ij"), -1).reshape(-1, 1, 3) + self.points
        moved = corners + motion.displacement(corners)
        return ((moved >= spare) & (moved <= np.asarray(shape) - 1 - spare)).all((0, 2))

    @property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        """First and last position along z, y, x."""
        return tuple((f, f + s * (n - 1)) for f, s, n in zip(self.first, self.spacing, self.count, strict=True))


@dataclass(frozen=True)
class Outcome:
    """What one package measured at the points of a grid (zyx, voxels; NaN where it gave no valid answer)."""

    engine: str
    u: np.ndarray
    sigma: np.ndarray | None
    wall: float
    cpu: float
    stages: Mapping[str, float] = field(default_factory=dict)
    version: str = ""

    @property
    def valid(self) -> np.ndarray:
        """(n,) where the package gave an answer."""
        return np.isfinite(self.u).all(1)


def run_volcorr(
    reference: np.ndarray,
    deformed: np.ndarray,
    grid: PointGrid,
    *,
    subset_size: int,
    threads: int,
    engine: str = "volcorr",
    **options: Any,
) -> Outcome:
    """Correlate with volcorr; `options` go to `volcorr.correlate`, and `engine` is what the outcome is called."""
    from importlib.metadata import PackageNotFoundError, version

    import volcorr

    stages: dict[str, float] = {}
    wall, cpu = time.perf_counter(), time.process_time()
    fields = volcorr.correlate(
        reference,
        deformed,
        subset_size=subset_size,
        spacing=grid.spacing,
        roi=tuple((low, high + 1) for low, high in grid.ranges),
        threads=threads,
        progress=False,
        timings=stages,
        **options,
    )
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if fields["cc"].shape != grid.count:
        raise SystemExit(f"volcorr measured a grid of {fields['cc'].shape} points, expected {grid.count}")
    u, sigma = (np.stack([fields[f"{name}_{axis}"].to_numpy().ravel() for axis in AXES], 1) for name in ("u", "sigma"))
    try:
        number = version("volcorr")
    except PackageNotFoundError:
        number = "checkout"
    return Outcome(engine, u, sigma, wall, cpu, stages, number)


def fingerprint(paths: Iterable[Path]) -> str:
    """Return a digest of the contents of files."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def run_peer(
    engine: str,
    python: Path,
    reference: np.ndarray,
    deformed: np.ndarray,
    grid: PointGrid,
    *,
    subset_size: int,
    threads: int,
    wanted: np.ndarray | None = None,
    mask: np.ndarray | None = None,
    start: np.ndarray | None = None,
    may_fail: bool = False,
    keep: Path | None = None,
    **settings: Any,
) -> Outcome:
    """Correlate with a peer, in the environment of the interpreter `python`.

    `wanted` (n,) says which points are asked for; `start` (n, 3) are displacements to start from, for peers that
    take them; `settings` go to the peer's program. A peer that ends with an error found nothing if it `may_fail`.
    `keep` is a folder where answers stay: the same question is not asked again (its times are those of that time).
    """
    program = Path(__file__).parent / "peers" / PEERS[engine]
    chosen = np.ones(len(grid.points), bool) if wanted is None else wanted
    with tempfile.TemporaryDirectory() as folder:
        arrays = {"reference": reference, "deformed": deformed, "mask": mask, "start": start}
        for name, array in (arrays | {"points": grid.points, "wanted": chosen}).items():
            if array is not None:
                np.save(Path(folder, f"{name}.npy"), array)
        request = settings | {"ranges": grid.ranges, "spacing": grid.spacing, "count": grid.count}
        request |= {"half": subset_size // 2, "threads": threads}
        Path(folder, "settings.json").write_text(json.dumps(request))
        answer = Path(folder, "result.npz")
        kept = keep / f"{engine}-{fingerprint([program, *sorted(Path(folder).iterdir())])}.npz" if keep else answer
        if not kept.exists():
            done = subprocess.run([python, program, folder], capture_output=True, text=True, check=False)
            if done.returncode != 0 and may_fail:
                print(f"{engine} failed: {done.stderr.strip()[-300:]}", flush=True)
                return Outcome(engine, np.full((len(grid.points), 3), np.nan), None, np.nan, np.nan)
            if done.returncode != 0:
                raise SystemExit(f"{engine} failed: {done.stderr.strip()[-2000:]}")
            if keep:
                keep.mkdir(parents=True, exist_ok=True)
                shutil.move(answer, kept)
        with np.load(kept) as result:
            found = dict(result)
    u = np.where(found["valid"][:, None] & chosen[:, None], found["u"], np.nan)
    stages = json.loads(str(found["stages"]))
    wall, cpu = float(found["wall"]), float(found["cpu"])
    return Outcome(engine, u, found.get("sigma"), wall, cpu, stages, str(found["version"]))


def markdown_table(header: list[str], rows: list[list[str]]) -> str:
    """Format rows of text as a markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def tabulate(records: Iterable[Mapping[str, Any]], columns: Mapping[str, str]) -> str:
    """Format records as a markdown table; `columns` are headings and how a cell is made, such as ``"{wall:.2f}"``.

    A cell whose value is missing or None shows a dash.
    """

    def cell(record: Mapping[str, Any], pattern: str) -> str:
        names = [name for _, name, _, _ in Formatter().parse(pattern) if name]
        return "-" if any(record.get(name) is None for name in names) else pattern.format_map(record)

    return markdown_table(list(columns), [[cell(one, pattern) for pattern in columns.values()] for one in records])


def machine() -> dict[str, Any]:
    """Say what the numbers were measured on."""
    import os
    import platform

    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":")[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def make_parser(text: str | None, name: str, *, packages: tuple[str, ...] = ()) -> argparse.ArgumentParser:
    """Return a parser with the options that the benchmarks share; `name` is that of the files of results.

    With `packages` there are options that say which other packages are measured, and where they are.
    """
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small volumes and few cases: only to see that it works")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results", f"{name}.json"))
    if packages:
        parser.add_argument("--peers", type=Path, help="Python of an environment with spam and al-dvc")
        parser.add_argument("--packages", nargs="*", choices=PEERS, default=list(packages), help="which of them")
    return parser


def add_keep(parser: argparse.ArgumentParser) -> None:
    """Give a parser the option to keep what other packages answered: for benchmarks that do not compare times."""
    parser.add_argument("--keep", type=Path, help="folder where the answers of the packages stay for another run")


def save_report(path: Path, report: Mapping[str, Any], table: str) -> None:
    """Write the numbers and the machine as JSON to `path`, the table beside it as markdown, and show the table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine()} | dict(report), indent=1, default=float) + "\n")
    path.with_suffix(".md").write_text(table + "\n")
    print(table, flush=True)
