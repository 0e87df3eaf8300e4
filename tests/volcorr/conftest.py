"""Small pairs with an exactly known motion, and one whole run on files, made once."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from acquisition import BlobTexture, Motion, compress, quantize, translate
from volcorr.dvc import DvcSettings, run_dvc
from volcorr.summary import DvcSummary
from volio import Volume, write


@dataclass(frozen=True, eq=False, repr=False)
class Pair:
    reference: np.ndarray
    deformed: np.ndarray
    motion: Motion

    def error(self, fields):
        """Measured minus true displacement (3, nz, ny, nx) in voxels."""
        positions = np.stack(np.meshgrid(fields.z, fields.y, fields.x, indexing="ij"), -1)
        measured = np.stack([fields[name].values for name in ("u_z", "u_y", "u_x")])
        return measured - np.moveaxis(self.motion.displacement(positions), -1, 0)


@pytest.fixture(scope="session")
def texture():
    return BlobTexture.random((64, 64, 64), rng=7)


@pytest.fixture(scope="session")
def make_pair(texture):
    def make(motion, shape=(64, 64, 64)):
        return Pair(texture.render(shape), texture.render(shape, motion=motion), motion)

    return make


@pytest.fixture(scope="session")
def compressed(make_pair):
    """2 % compression about the middle and a shift of some tenths of a voxel, without noise."""
    return make_pair(compress(0.02, centre=(31.5, 31.5, 31.5), poisson=0.3).then(translate((0.3, -0.4, 0.2))))


SHAPE = (48, 48, 48)


@pytest.fixture(scope="session")
def motion() -> Motion:
    """True motion of the pair in files, in voxels."""
    return compress(0.02, centre=(23.5, 23.5, 23.5)).then(translate((0.6, -1.2, 1.7)))


@pytest.fixture(scope="session")
def scans(tmp_path_factory: pytest.TempPathFactory, motion: Motion) -> Path:
    """Folder with ``reference.tif``, ``deformed.tif`` (8 bits, 0.5 um) and ``mask.tif`` (the upper half)."""
    folder = tmp_path_factory.mktemp("scans")
    texture = BlobTexture.random(SHAPE, rng=5)
    mask = np.zeros(SHAPE, np.uint8)
    mask[24:] = 1
    volumes = {
        "reference": quantize(texture.render(SHAPE, threads=1)),
        "deformed": quantize(texture.render(SHAPE, motion=motion, threads=1)),
        "mask": mask,
    }
    for name, grey in volumes.items():
        write(Volume(grey, voxel_size=(0.5, 0.5, 0.5)), folder / f"{name}.tif")
    return folder


@pytest.fixture(scope="session")
def settings(scans: Path) -> DvcSettings:
    """Settings for a run on the pair in files; the output is to be replaced."""
    return DvcSettings(
        reference=scans / "reference.tif",
        deformed=scans / "deformed.tif",
        output=scans / "unused",
        subset=15,
        spacing="4um",
        threads=1,
    )


def draw_one(fields, reference: Volume, folder: Path) -> list[Path]:
    """Stand in for the figures, which have their own tests and take seconds."""
    assert reference.shape == SHAPE
    assert "e_zz" in fields
    (folder / "one.png").write_bytes(b"figure")
    return [folder / "one.png"]


@pytest.fixture(scope="session")
def run(settings: DvcSettings, tmp_path_factory: pytest.TempPathFactory) -> tuple[DvcSummary, Path]:
    """Summary and result folder of one run; nothing may be changed in the folder."""
    output = tmp_path_factory.mktemp("run") / "out"
    return run_dvc(replace(settings, output=output), draw=draw_one), output


@pytest.fixture(scope="session")
def result(run: tuple[DvcSummary, Path]) -> Path:
    """Result folder of one run; nothing may be changed in it."""
    return run[1]


@pytest.fixture(scope="session")
def specimens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with ``grey.tif`` (two phases and noise, 0.5 um), ``labels.tif`` (their truth), and more of the same kind.

    ``later.tif`` and ``later_labels.tif`` are a second step with less of the dark phase and another contrast,
    ``strokes.tif`` are some labelled voxels, ``mask.tif`` leaves out the two planes on each side, ``balls.tif`` holds
    four balls of one phase, two of which touch.
    """
    folder = tmp_path_factory.mktemp("specimens")
    rng = np.random.default_rng(3)
    z, y, x = np.indices((40, 44, 48), sparse=True)
    places = [(rng.uniform(0, 48, 3), rng.uniform(4, 8)) for _ in range(30)]
    balls = [((z - a) ** 2 + (y - b) ** 2 + (x - c) ** 2 < r * r) for (a, b, c), r in places]
    first, later = np.any(balls[:22], axis=0).astype(np.uint8), np.any(balls, axis=0).astype(np.uint8)
    strokes, mask = np.zeros(first.shape, np.uint8), np.zeros(first.shape, np.uint8)
    chosen = rng.choice(strokes.size, 600, replace=False)
    strokes.reshape(-1)[chosen] = first.reshape(-1)[chosen] + 1
    mask[2:-2, 2:-2, 2:-2] = 1
    four = np.zeros((40, 40, 60), np.uint8)
    for centre, radius in (((20, 12, 12), 7), ((20, 20, 23), 7), ((20, 22, 44), 9), ((2, 35, 55), 4)):
        distance = np.linalg.norm(np.indices(four.shape).T - centre, axis=-1).T
        four[distance < radius] = 1
    volumes = {
        "grey": 70 + 70.0 * first + rng.normal(0, 8, first.shape),
        "later": 60 + 105.0 * later + rng.normal(0, 10, first.shape),
        "labels": first,
        "later_labels": later,
        "strokes": strokes,
        "mask": mask,
        "balls": four,
    }
    for name, data in volumes.items():
        write(
            Volume(np.clip(np.rint(data), 0, 255).astype(np.uint8), voxel_size=(0.5, 0.5, 0.5)), folder / f"{name}.tif"
        )
    return folder
