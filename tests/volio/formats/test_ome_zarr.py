import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from volio import FormatError, Volume, read, write

ARRAY = np.arange(4 * 5 * 6, dtype=np.uint16).reshape(4, 5, 6)


def save(
    path: Path, axes: list[dict[str, str]], scale: list[float], *, zarr_format: Any = 2, array: Any = ARRAY
) -> Path:
    group = zarr.open_group(str(path), mode="w", zarr_format=zarr_format)
    group.create_array("s0", data=array)
    steps = [{"type": "scale", "scale": scale}]
    image: dict[str, Any] = {"axes": axes, "datasets": [{"path": "s0", "coordinateTransformations": steps}]}
    if zarr_format == 2:
        group.attrs["multiscales"] = [{**image, "version": "0.4", "name": "image"}]
    else:
        group.attrs["ome"] = {"version": "0.5", "multiscales": [image]}
    return path


def axes(unit: str | None = "micrometer", lead: str = "") -> list[dict[str, str]]:
    space = [{"name": name, "type": "space"} | ({"unit": unit} if unit else {}) for name in "zyx"]
    return [{"name": name, "type": "channel"} for name in lead] + space


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize(("unit", "factor"), [("micrometer", 1), ("nanometer", 1e-3), ("angstrom", 1e-4)])
def test_04_and_05(tmp_path: Path, zarr_format: int, unit: str, factor: float) -> None:
    path = save(tmp_path / "a.zarr", axes(unit), [3.0, 2.0, 1.0], zarr_format=zarr_format)
    volume = read(path)
    np.testing.assert_array_equal(volume.data, ARRAY)
    assert volume.voxel_size == pytest.approx((3 * factor, 2 * factor, factor))
    assert volume.metadata["ome_zarr"] == ("0.4" if zarr_format == 2 else "0.5")


def test_channels_and_time(tmp_path: Path) -> None:
    path = save(tmp_path / "a.zarr", axes(lead="tc"), [1.0, 1.0, 3.0, 2.0, 1.0], array=ARRAY[None, None])
    np.testing.assert_array_equal(read(path).data, ARRAY)
    assert read(path).voxel_size == (3.0, 2.0, 1.0)
    path = save(tmp_path / "b.zarr", axes(lead="c"), [1.0] * 4, array=np.stack([ARRAY] * 2))
    with pytest.raises(FormatError, match="give one channel"):
        read(path)
    path = save(tmp_path / "c.zarr", axes()[1:], [1.0] * 2, array=ARRAY[0])
    with pytest.raises(FormatError, match="is a 2-D image"):
        read(path)
    path = save(tmp_path / "d.zarr", axes()[::-1], [1.0] * 3)
    with pytest.raises(FormatError, match="has the axes x, y, z"):
        read(path)


def test_without_unit_nothing_is_stated(tmp_path: Path) -> None:
    volume = read(save(tmp_path / "a.zarr", axes(None), [3.0, 2.0, 1.0]))
    assert volume.voxel_size is None
    assert "without unit" in volume.metadata["notes"][0]
    assert "notes" not in read(save(tmp_path / "b.zarr", axes(None), [1.0, 1.0, 1.0])).metadata


def test_transformations_follow_each_other(tmp_path: Path) -> None:
    path = save(tmp_path / "a.zarr", axes(), [3.0, 2.0, 1.0])
    file = path / ".zattrs"
    content = json.loads(file.read_text())
    image = content["multiscales"][0]
    image["datasets"][0]["coordinateTransformations"].append({"type": "translation", "translation": [1, 1, 1]})
    image["coordinateTransformations"] = [{"type": "scale", "scale": [2, 2, 2]}]
    file.write_text(json.dumps(content))
    volume = read(path)
    assert volume.voxel_size == (6.0, 4.0, 2.0)
    assert volume.origin == (2.0, 2.0, 2.0)
    image["datasets"][0].pop("coordinateTransformations")
    image.pop("coordinateTransformations")
    file.write_text(json.dumps(content))
    assert read(path).voxel_size is None


def test_plain_arrays_and_groups(tmp_path: Path) -> None:
    zarr.create_array(str(tmp_path / "a.zarr"), data=ARRAY)
    np.testing.assert_array_equal(read(tmp_path / "a.zarr").data, ARRAY)
    group = zarr.open_group(str(tmp_path / "b.zarr"), mode="w")
    group.create_array("scans/one", data=ARRAY)
    group.create_array("angles", data=ARRAY[0, 0])
    np.testing.assert_array_equal(read(tmp_path / "b.zarr").data, ARRAY)
    group.create_array("two", data=ARRAY + 1)
    with pytest.raises(FormatError, match=r"several volumes.*/scans/one \(4, 5, 6\), /two"):
        read(tmp_path / "b.zarr")
    np.testing.assert_array_equal(read(f"{tmp_path}/b.zarr::/two").data, ARRAY + 1)
    with pytest.raises(FormatError, match="holds no dataset /three"):
        read(tmp_path / "b.zarr", dataset="three")
    with pytest.raises(FormatError, match="has 1 axes"):
        read(tmp_path / "b.zarr", dataset="angles")


def test_levels_lie_where_they_should(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 1000, (5, 140, 200), np.uint16)
    path = write(Volume(array, (2, 1, 1), origin=(10, 0, 0)), tmp_path / "a.ome.zarr")
    coarse = read(path, dataset="1")
    assert coarse.shape == (3, 70, 100)
    assert coarse.voxel_size == (4.0, 2.0, 2.0)
    assert coarse.origin == (11.0, 0.5, 0.5)
    assert coarse.data[0, 0, 0] == np.rint(array[:2, :2, :2].mean())
    with pytest.raises(FormatError, match="no level '7': there are 0, 1"):
        read(path, dataset="7")
    labels = read(write(Volume(array, (2, 1, 1)), tmp_path / "b.zarr", pyramid="nearest"), dataset="1")
    np.testing.assert_array_equal(labels.data, array[::2, ::2, ::2])
    assert labels.origin == (0.0, 0.0, 0.0)
    path = write(Volume(array, (2, 1, 1)), tmp_path / "c.zarr", pyramid="none")
    assert sorted(item.name for item in path.iterdir()) == ["0", "zarr.json"]


def test_masks_are_not_averaged(tmp_path: Path) -> None:
    mask = np.random.default_rng(0).random((3, 4, 300)) > 0.5
    coarse = read(write(Volume(mask), tmp_path / "a.zarr"), dataset="1")
    np.testing.assert_array_equal(coarse.data, mask[::2, ::2, ::2])


def test_layout_is_the_agreed_one(tmp_path: Path) -> None:
    data = np.broadcast_to(np.zeros((1, 1, 1), np.uint8), (300, 70, 10))
    group = zarr.open_group(str(write(Volume(data), tmp_path / "a.zarr")), mode="r")
    assert group.metadata.zarr_format == 3
    level: Any = group["0"]
    assert level.chunks == (64, 64, 10)
    assert level.shards == (256, 128, 10)
    assert group.attrs["ome"]["version"] == "0.5"  # type: ignore[index, call-overload]


def test_damaged(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 60000, (64, 64, 64), np.uint16)
    path = write(Volume(noise), tmp_path / "a.zarr")
    [shard] = [item for item in (path / "0" / "c").rglob("*") if item.is_file()]
    content = shard.read_bytes()
    shard.write_bytes(content[: len(content) // 2])
    with pytest.raises(FormatError, match="damaged or was changed at z 0:64"):
        read(path)
    (path / "0" / "zarr.json").unlink()
    with pytest.raises(FormatError, match="level 0 is missing"):
        read(path)
    (path / "zarr.json").write_text("{")
    with pytest.raises(FormatError, match="damaged Zarr folder"):
        read(path)
    (path / "zarr.json").unlink()
    with pytest.raises(FormatError, match="holds none of zarr\\.json"):
        read(path)
