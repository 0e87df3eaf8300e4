import errno
import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from acquisition import Motion
from volcorr.config import read_config
from volcorr.dvc import DvcSettings, open_inputs, run_dvc
from volcorr.fields import displacement_array, open_fields, valid_points
from volcorr.summary import DvcSummary
from volio import InputError, OutputError, Volume, checksum, read, write

Run = tuple[DvcSummary, Path]


def test_the_folder_holds_everything(result: Path) -> None:
    names = {path.relative_to(result).as_posix() for path in result.rglob("*")}
    expected = {
        "fields.zarr",
        "points.csv",
        "fields.vti",
        "figures/one.png",
        "config.toml",
        "summary.json",
        "log.jsonl",
    }
    assert expected <= names
    assert [path.name for path in result.parent.iterdir()] == ["out"]


def test_displacement_and_strain_are_true(result: Path, motion: Motion) -> None:
    fields = open_fields(result)
    axes = np.meshgrid(*(fields[axis].to_numpy() / 0.5 for axis in "zyx"), indexing="ij")
    truth = 0.5 * np.moveaxis(motion.displacement(np.stack(axes, axis=-1)), -1, 0)
    assert valid_points(fields).all()
    assert np.abs(displacement_array(fields) - truth).max() < 0.5 * 0.05
    assert float(fields["e_zz"].mean()) == pytest.approx(-0.02 + 0.0002, abs=2e-3)


def test_summary_is_what_the_file_holds(run: Run) -> None:
    summary, output = run
    stored = json.loads((output / "summary.json").read_text(encoding="utf-8"))
    assert stored == json.loads(json.dumps(summary.as_dict()))
    assert summary.valid == summary.tried == summary.points == 64
    assert summary.median_zncc is not None
    assert summary.median_zncc > 0.95
    assert summary.unit == "um"
    assert summary.voxel_size == (0.5, 0.5, 0.5)
    assert summary.figures == ("figures/one.png",)
    assert summary.threads == 1
    assert {"opening", "refinement", "strain", "writing", "figures", "total"} <= set(summary.seconds)
    assert summary.notes == ()
    assert set(summary.uncertainty) == {"sigma_z", "sigma_y", "sigma_x"}


def test_what_is_taken_off_for_the_interpolation_is_said(settings: DvcSettings, tmp_path: Path) -> None:
    summary = run_dvc(replace(settings, output=tmp_path / "out", tolerance=1e-5))
    fields = open_fields(tmp_path / "out")
    error = float(fields["interpolation_error"])
    assert 1e-5 < error < 1e-2
    assert any(f"up to {error:.2g} voxel was taken off" in note for note in summary.notes)


def test_config_holds_what_was_used(result: Path, scans: Path) -> None:
    settings = read_config(result / "config.toml", output="other")
    assert settings.reference == scans / "reference.tif"
    assert settings.subset == (15, 15, 15)
    assert settings.spacing == (8, 8, 8)
    assert settings.voxel_size == (0.5, 0.5, 0.5)
    assert settings.checksums["deformed"] == checksum(scans / "deformed.tif")
    text = (result / "config.toml").read_text(encoding="utf-8")
    assert "numba = " in text
    assert "volcorr = " in text


def test_log_holds_the_story(result: Path) -> None:
    entries = [json.loads(line) for line in (result / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    messages = " ".join(entry["message"] for entry in entries)
    assert "48 x 48 x 48 uint8" in messages
    assert "64 of 64 points valid" in messages


def test_a_run_is_repeated_from_its_config(result: Path, tmp_path: Path) -> None:
    run_dvc(read_config(result / "config.toml", output=tmp_path / "again"))
    first, second = open_fields(result), open_fields(tmp_path / "again")
    assert first.drop_attrs().identical(second.drop_attrs())
    assert first.attrs == second.attrs
    assert not (tmp_path / "again" / "figures").exists()


def test_a_changed_input_is_refused_on_repeating(result: Path, tmp_path: Path, scans: Path) -> None:
    changed = tmp_path / "reference.tif"
    volume = read(scans / "reference.tif").load()
    write(replace(volume, data=volume.data[::-1]), changed)
    settings = replace(read_config(result / "config.toml", output=tmp_path / "again"), reference=changed)
    with pytest.raises(InputError, match="is not the reference of the recorded run"):
        run_dvc(settings)
    assert [path.name for path in tmp_path.iterdir()] == ["reference.tif"]


def test_a_second_run_is_refused_before_anything_is_read(result: Path, settings: DvcSettings) -> None:
    with pytest.raises(OutputError, match="--overwrite"):
        run_dvc(replace(settings, output=result, reference=Path("does-not-exist.tif")))


def test_overwrite_replaces_the_whole_result(settings: DvcSettings, tmp_path: Path) -> None:
    output = tmp_path / "out"
    (output / "fields.zarr").mkdir(parents=True)
    (output / "points.csv").write_text("old")
    (output / "old.txt").write_text("old")
    run_dvc(replace(settings, output=output, overwrite=True, roi=((9, 17), (9, 17), (9, 17))))
    assert not (output / "old.txt").exists()
    assert (output / "points.csv").read_text() != "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_roi_mask_and_rounding(settings: DvcSettings, scans: Path, tmp_path: Path) -> None:
    summary = run_dvc(
        replace(settings, output=tmp_path / "out", subset="14,15,15", mask=scans / "mask.tif", voxel_size="500nm")
    )
    assert summary.status["outside_mask"] == summary.points - summary.tried == 32
    assert len(summary.notes) == 1
    assert summary.notes[0].startswith("subset 14,15,15 is taken as ")
    again = read_config(tmp_path / "out" / "config.toml", output="x")
    assert again.mask == scans / "mask.tif"
    assert all(size % 2 == 1 for size in again.subset)


def test_voxels_stay_voxels_where_no_size_is_stated(settings: DvcSettings, scans: Path, tmp_path: Path) -> None:
    for name in ("reference", "deformed"):
        np.save(tmp_path / f"{name}.npy", read(scans / f"{name}.tif").load().data)
    files = {name: tmp_path / f"{name}.npy" for name in ("reference", "deformed")}
    summary = run_dvc(replace(settings, output=tmp_path / "out", spacing=16, **files))
    assert summary.unit == "voxel"
    assert summary.voxel_size is None
    assert read_config(tmp_path / "out" / "config.toml", output="x").voxel_size is None
    with pytest.raises(InputError, match="voxel"):
        run_dvc(replace(settings, output=tmp_path / "out2", spacing="4um", **files))


def test_shapes_that_differ_are_named(settings: DvcSettings, scans: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.tif"
    write(read(scans / "deformed.tif").crop(((0, 40), (0, 48), (0, 48))), short)
    with pytest.raises(InputError, match=r"short\.tif has shape \(40, 48, 48\), the reference has \(48, 48, 48\)"):
        run_dvc(replace(settings, output=tmp_path / "out", deformed=short))
    with pytest.raises(InputError, match=r"the mask .*short\.tif has shape"):
        run_dvc(replace(settings, output=tmp_path / "out", mask=short))
    assert [path.name for path in tmp_path.iterdir()] == ["short.tif"]


def test_bad_voxels_leave_the_rest(settings: DvcSettings, scans: Path, tmp_path: Path) -> None:
    grey = read(scans / "reference.tif").load().data.astype(np.float32)
    grey[:20, :20, :20] = np.nan
    grey[40, 40, 40] = np.inf
    write(Volume(grey, voxel_size=(0.5,) * 3), tmp_path / "holes.tif")
    summary = run_dvc(replace(settings, output=tmp_path / "out", reference=tmp_path / "holes.tif"))
    assert summary.status["bad_voxels"] > 0
    assert 30 < summary.valid == summary.points - summary.status["bad_voxels"]
    assert summary.advice is None


def test_no_valid_point_still_gives_a_result(settings: DvcSettings, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (48, 48, 48)).astype(np.uint8)
    write(Volume(noise), tmp_path / "noise.tif")
    summary = run_dvc(
        replace(settings, output=tmp_path / "out", deformed=tmp_path / "noise.tif", min_cc=0.9, spacing=16)
    )
    assert summary.valid == 0
    assert summary.median_zncc is None
    assert summary.displacement == summary.strain == {}
    assert summary.advice is not None
    assert np.isnan(open_fields(tmp_path / "out")["u_z"]).all()
    json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))


FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("place", "stop"),
    [
        ("volcorr.start_values.refine", KeyboardInterrupt()),
        ("xarray.Dataset.to_zarr", FULL),
        ("volcorr.export.write_csv", KeyboardInterrupt()),
        ("volcorr.export.write_vtk", FULL),
        ("volcorr.config.write_config", FULL),
        ("volcorr.dvc.write_json", KeyboardInterrupt()),
        ("volcorr.dvc.write_json", FULL),
    ],
)
def test_whatever_stops_a_run_leaves_no_result_and_what_it_had_measured(
    settings: DvcSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, stop: BaseException
) -> None:
    def fail(*args: object, **options: object) -> None:
        raise stop

    small = replace(settings, output=tmp_path / "out", roi=((16, 17), (16, 17), (16, 17)))
    monkeypatch.setattr(place, fail)
    expected = OutputError if isinstance(stop, OSError) else KeyboardInterrupt
    with pytest.raises(expected) as caught:
        run_dvc(small)
    if expected is OutputError:
        assert "disk full" in str(caught.value)
        assert ".partial" not in str(caught.value)
    measured = "refine" not in place
    assert [path.name for path in tmp_path.iterdir()] == [".out.blocks"] * measured
    assert not any(isinstance(handler, logging.FileHandler) for handler in logging.getLogger("volcorr").handlers)
    monkeypatch.undo()
    summary = run_dvc(replace(small, resume=True))
    assert any("finished by an earlier run" in note for note in summary.notes) == measured
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_stopped_run_leaves_the_old_result(settings: DvcSettings, tmp_path: Path) -> None:
    output = tmp_path / "out"
    (output / "fields.zarr").mkdir(parents=True)

    def stop(*args: object) -> list[Path]:
        raise KeyboardInterrupt

    small = replace(settings, output=output, overwrite=True, roi=((16, 17), (16, 17), (16, 17)))
    with pytest.raises(KeyboardInterrupt):
        run_dvc(small, draw=stop)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".out.blocks", "out"]
    assert [path.name for path in output.iterdir()] == ["fields.zarr"]


def test_every_setting_reaches_the_measurement(settings: DvcSettings, scans: Path, tmp_path: Path) -> None:
    run_dvc(
        replace(
            settings, output=tmp_path / "out", shape="rigid", spline="quintic", noise=2.5, min_share=0.9,
            mask=scans / "mask.tif", deformed_mask=scans / "mask.tif", measure="hencky", strain_method="hexahedra",
            executor="serial", memory="500MB",
        )
    )  # fmt: skip
    attrs = open_fields(tmp_path / "out").attrs
    assert [attrs[name] for name in ("shape_function", "spline", "noise", "min_share")] == [
        "rigid",
        "quintic",
        2.5,
        0.9,
    ]
    assert [attrs["strain_measure"], attrs["strain_method"]] == ["hencky", "hexahedra"]
    again = read_config(tmp_path / "out" / "config.toml", output="x")
    assert (again.shape, again.spline, again.noise, again.min_share) == ("rigid", "quintic", 2.5, 0.9)
    assert (again.deformed_mask, again.executor, again.memory) == (scans / "mask.tif", "serial", "500MB")
    assert set(again.checksums) == {"reference", "deformed", "mask", "deformed mask"}


@pytest.mark.parametrize("how", [{"executor": "processes", "workers": 2}, {"executor": "serial"}, {"memory": "200MB"}])
def test_the_way_of_execution_changes_no_bit(
    settings: DvcSettings, result: Path, tmp_path: Path, how: dict[str, object]
) -> None:
    summary = run_dvc(replace(settings, output=tmp_path / "out", **how))
    assert open_fields(tmp_path / "out").identical(open_fields(result))
    assert summary.executor == how.get("executor", "threads")
    assert summary.peak_memory is None or summary.peak_memory > 50e6


@pytest.fixture(scope="module")
def series(settings: DvcSettings, scans: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    output = tmp_path_factory.mktemp("series") / "out"
    steps = (scans / "deformed.tif", scans / "reference.tif")
    return run_dvc(replace(settings, deformed=steps, output=output), draw=draw_one), output


def draw_one(fields: object, reference: Volume, folder: Path) -> list[Path]:
    return []


def test_several_volumes_are_a_series(series: Run, result: Path, scans: Path) -> None:
    summary, output = series
    fields = open_fields(output)
    assert fields.sizes["step"] == 2
    np.testing.assert_array_equal(fields["u_z"].isel(step=0), open_fields(result)["u_z"])
    np.testing.assert_array_equal(fields["e_zz"].isel(step=0), open_fields(result)["e_zz"])
    assert np.abs(fields["u_z"].isel(step=1)).max() < 1e-3
    assert (output / "fields.pvd").is_file()
    assert [step.name for step in summary.steps] == ["deformed", "reference"]
    assert [step.valid for step in summary.steps] == [64, 64]
    assert summary.points == summary.valid == 128
    assert summary.grid == (4, 4, 4)
    assert json.loads((output / "summary.json").read_text(encoding="utf-8"))["steps"][1]["step"] == 2
    again = read_config(output / "config.toml", output="x")
    assert again.deformed == (scans / "deformed.tif", scans / "reference.tif")
    assert set(again.checksums) == {"reference", "deformed 1", "deformed 2"}
    assert list(output.parent.iterdir()) == [output]


def test_a_series_that_stops_keeps_its_finished_steps(settings: DvcSettings, scans: Path, tmp_path: Path) -> None:
    write(Volume(np.full((48, 48, 48), 7, np.uint8)), tmp_path / "empty.tif")
    steps = (scans / "deformed.tif", tmp_path / "empty.tif")
    summary = run_dvc(replace(settings, deformed=steps, output=tmp_path / "out", spacing=16))
    assert summary.stopped is not None
    assert summary.advice == summary.stopped
    assert "step 2 (empty)" in summary.stopped
    assert open_fields(tmp_path / "out").sizes["step"] == 1
    first = (tmp_path / "empty.tif", scans / "deformed.tif")
    with pytest.raises(InputError, match=r"step 1 \(empty\)"):
        run_dvc(replace(settings, deformed=first, output=tmp_path / "none", spacing=16))
    assert not (tmp_path / "none").exists()


def test_volumes_are_called_as_their_files(settings: DvcSettings, scans: Path, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / "scan.npy", read(scans / "reference.tif").load().data)
    pair = replace(settings, reference=tmp_path / "one/scan.npy", deformed=tmp_path / "two/scan.npy", output=tmp_path)
    assert [volume.name for volume in open_inputs(pair).values()] == ["one/scan", "two/scan"]
    pair = replace(pair, deformed=tmp_path / "one/scan.npy")
    assert [volume.name for volume in open_inputs(pair).values()] == ["scan", "scan"]
