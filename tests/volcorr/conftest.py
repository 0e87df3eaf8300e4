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
