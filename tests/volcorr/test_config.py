import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volcorr.config import read_config, write_config
from volcorr.settings import DvcSettings
from volio import FormatError, InputError

lengths = st.one_of(
    st.integers(1, 500),
    st.floats(0.01, 500),
    st.sampled_from(["8um", "33", "33,33,21"]),
    st.tuples(*[st.integers(1, 99)] * 3),
)
ranges = st.tuples(st.integers(0, 50), st.integers(51, 99))
names = st.text(string.ascii_letters + "äµ 漢\"'\\#[]=", min_size=1, max_size=12)


@given(
    name=names,
    mask=st.none() | names,
    dataset=st.none() | names,
    voxel_size=st.none() | st.tuples(*[st.floats(1e-9, 1e6)] * 3),
    subset=lengths,
    spacing=lengths,
    search=st.none() | lengths,
    roi=st.none() | st.tuples(ranges, ranges, ranges),
    threads=st.none() | st.integers(1, 64),
    tolerance=st.floats(1e-9, 0.9),
    measure=st.sampled_from(["green-lagrange", "infinitesimal", "almansi", "hencky"]),
    window=st.sampled_from([3, 5, (3, 5, 5)]),
    shape=st.sampled_from(["affine", "quadratic", "rigid", "translation"]),
    spline=st.sampled_from(["cubic", "quintic"]),
    noise=st.none() | st.floats(0.01, 99),
    min_share=st.floats(0.05, 1),
    strain_method=st.sampled_from(["window", "hexahedra"]),
    executor=st.sampled_from([None, "serial", "threads", "processes", "dask"]),
    workers=st.none() | st.integers(1, 64),
    memory=st.sampled_from([None, "4GB", 10**9]),
    series_reference=st.sampled_from(["first", "previous", "auto"]),
    steps=st.integers(1, 3),
)
def test_settings_survive_their_file(
    tmp_path_factory: pytest.TempPathFactory, name: str, mask: str | None, window: object, steps: int, **options: object
) -> None:
    folder = tmp_path_factory.mktemp("config")
    settings = DvcSettings(
        reference=folder / name,
        deformed=tuple(folder / f"deformed{number}.tif" for number in range(steps)),
        output=Path("out"),
        mask=None if mask is None else folder / mask,
        strain_window=window,
        checksums={"reference": "sha256:1", "deformed 2": "sha256:2", "deformed mask": "sha256:3"},
        **options,
    )
    path = write_config(settings, folder / "config.toml", software={"volcorr": "1.0"})
    assert read_config(path, output="out") == settings


def write(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


PAIR = '[input]\nreference = "a.tif"\ndeformed = "b.tif"\n'


def test_relative_paths_count_from_the_file(tmp_path: Path) -> None:
    settings = read_config(write(tmp_path, PAIR), output="out")
    assert settings.reference == tmp_path / "a.tif"
    assert settings.subset == 33


def test_replacements_come_first_and_drop_the_checksum(tmp_path: Path) -> None:
    text = PAIR + '[correlation]\nsubset = 21\n[checksums]\nreference = "sha256:1"\ndeformed = "sha256:2"\n'
    settings = read_config(write(tmp_path, text), output="out", reference=Path("c.tif"), subset="15")
    assert settings.reference == Path("c.tif")
    assert settings.subset == "15"
    assert dict(settings.checksums) == {"deformed": "sha256:2"}


def test_what_replaces_an_input_drops_its_checksums_only(tmp_path: Path) -> None:
    sums = '"deformed 1" = "1"\n"deformed 2" = "2"\n"deformed mask" = "3"\nmask = "4"\nreference = "5"\n'
    path = write(tmp_path, '[input]\nreference = "a.tif"\ndeformed = ["b.tif", "c.tif"]\n[checksums]\n' + sums)
    assert set(read_config(path, output="out").checksums) >= {"deformed 1", "deformed 2"}
    assert set(read_config(path, output="out", deformed=[Path("d.tif")]).checksums) == {
        "deformed mask", "mask", "reference",
    }  # fmt: skip
    assert (
        "deformed mask"
        not in read_config(path, output="out", deformed=[Path("d.tif")], deformed_mask=Path("e.tif")).checksums
    )


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("reference = ", FormatError, "is not a TOML file"),
        ("[image]\n", InputError, "unknown table [image]: allowed are input, correlation, strain, execution"),
        ("strain = 3\n", InputError, "must be a table [strain]"),
        (PAIR + "voxels = 3\n", InputError, "unknown setting 'voxels' in [input]"),
        ('[input]\nreference = "a.tif"\n', InputError, "has no 'deformed'"),
        (PAIR + "[strain]\nstrain_window = 2\n", InputError, "strain_window"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, text: str, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind) as caught:
        read_config(write(tmp_path, text), output="out")
    assert words in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"does not exist: give the config\.toml"):
        read_config(tmp_path / "none.toml", output="out")
