"""DigitalMicrograph files: written here tag by tag, in both versions and both orders of bytes."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from volio import FormatError, InputError, read, write

CODES = {"i2": (1, 2), "f4": (2, 6), "u1": (6, 10), "i4": (7, 3), "u2": (10, 4), "f8": (12, 7)}


class Writer:
    """Writes tags: dicts are groups (keys that are numbers stand without a name), and the rest by its type."""

    def __init__(self, version: int = 3, order: str = "<") -> None:
        self.version, self.order = version, order
        self.wide = ">q" if version == 4 else ">i"

    def number(self, value: int) -> bytes:
        return struct.pack(self.wide, value)

    def group(self, tags: dict[Any, Any]) -> bytes:
        out = b"\1\0" + self.number(len(tags))
        for name, value in tags.items():
            text = b"" if isinstance(name, int) else name.encode("latin-1")
            body = self.group(value) if isinstance(value, dict) else self.data(value)
            size = self.number(len(body)) if self.version == 4 else b""
            out += struct.pack(">BH", 20 if isinstance(value, dict) else 21, len(text)) + text + size + body
        return out

    def data(self, value: Any) -> bytes:
        if isinstance(value, np.ndarray):
            code = CODES[value.dtype.str[1:]][1]
            return self.tag([20, code, value.size], value.astype(value.dtype.newbyteorder(self.order)).tobytes())
        if isinstance(value, str):
            utf = "utf-16-le" if self.order == "<" else "utf-16-be"
            return self.tag([20, 4, len(value)], value.encode(utf))
        if isinstance(value, float):
            return self.tag([6], struct.pack(self.order + "f", value))
        if isinstance(value, tuple):  # a struct of shorts
            layout = [15, 0, len(value)] + [0, 2] * len(value)
            return self.tag(layout, struct.pack(f"{self.order}{len(value)}h", *value))
        if isinstance(value, list):  # an array of structs of two shorts
            body = b"".join(struct.pack(self.order + "2h", *pair) for pair in value)
            return self.tag([20, 15, 0, 2, 0, 2, 0, 2, len(value)], body)
        return self.tag([5], struct.pack(self.order + "I", value))

    def tag(self, layout: list[int], body: bytes) -> bytes:
        return b"%%%%" + self.number(len(layout)) + b"".join(self.number(n) for n in layout) + body

    def file(self, tags: dict[Any, Any]) -> bytes:
        root = self.group(tags)
        flag = struct.pack(">i", 1 if self.order == "<" else 0)
        return struct.pack(">i", self.version) + self.number(len(root)) + flag + root + bytes(8)


def image(data: np.ndarray, *, scale: float = 2.5, unit: str = "nm", step: float | None = None) -> dict[str, Any]:
    axes = {0: {"Scale": scale, "Units": unit}, 1: {"Scale": 2 * scale, "Units": unit}}
    axes[2] = {"Scale": step or 1.0, "Units": unit if step else ""}
    for axis in axes.values():
        axis["Origin"] = 0.0
    return {
        "ImageData": {
            "Calibrations": {"Brightness": {"Origin": 0.0, "Scale": 1.0, "Units": ""}, "Dimension": axes},
            "Data": np.ascontiguousarray(data).ravel(),
            "DataType": CODES[data.dtype.str[1:]][0],
            "Dimensions": dict(enumerate(data.shape[::-1])),
        },
        "ImageTags": {},
        "Name": "pillar",
    }


def tree(data: np.ndarray, **calibration: Any) -> dict[str, Any]:
    small = image(np.zeros((4, 4), np.int32))
    extras = {"Clip": (1, 2, 3), "CLUT": [(1, 2), (3, 4)], "Zoom": 1.5}
    return {
        "ApplicationBounds": (0, 0, 9, 9),
        "DocumentTags": extras,
        "ImageList": {0: small, 1: image(data, **calibration)},
    }


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["i2", "u2", "f4", "u1", "i4", "f8"])
def test_a_stack_in_any_form(tmp_path: Path, version: int, order: str, dtype: str) -> None:
    data = np.arange(5 * 20 * 30).reshape(5, 20, 30).astype(dtype)
    path = tmp_path / f"stack.dm{version}"
    path.write_bytes(Writer(version, order).file(tree(data, step=10.0)))
    volume = read(path)
    np.testing.assert_array_equal(np.asarray(volume.data[:]), data)
    assert volume.voxel_size == pytest.approx((0.010, 0.005, 0.0025))
    assert volume.metadata["title"] == "pillar"


def test_images_without_a_distance_take_that_of_the_pixels(tmp_path: Path) -> None:
    path = tmp_path / "stack.dm3"
    path.write_bytes(Writer().file(tree(np.ones((3, 20, 30), np.float32))))
    volume = read(path)
    assert volume.voxel_size == pytest.approx((0.005, 0.005, 0.0025))
    assert "the file states no distance between its images" in volume.metadata["notes"][0]
    path.write_bytes(Writer().file(tree(np.ones((3, 20, 30), np.float32), unit="1/nm")))
    assert read(path).voxel_size is None


def test_the_last_stack_counts_as_small_copies_come_first(tmp_path: Path) -> None:
    tags = tree(np.full((3, 20, 30), 7, np.float32))
    tags["ImageList"][0] = image(np.zeros((3, 5, 6), np.int16))
    path = tmp_path / "stack.dm4"
    path.write_bytes(Writer(4).file(tags))
    volume = read(path)
    assert volume.shape == (3, 20, 30)
    assert (np.asarray(volume.data[:]) == 7).all()


def test_what_cannot_be_read_is_said_in_a_line(tmp_path: Path) -> None:
    whole = Writer().file(tree(np.ones((3, 20, 30), np.float32)))
    path = tmp_path / "stack.dm3"

    def refused(content: bytes, message: str) -> None:
        path.write_bytes(content)
        with pytest.raises(FormatError, match=message) as error:
            read(path)
        assert "\n" not in str(error.value)

    refused(whole[:400], "is damaged or truncated")
    refused(whole[: len(whole) // 2], "is damaged or truncated")
    refused(whole.replace(b"%%%%", b"%%%!", 1), "is damaged or truncated .a tag without its mark")
    refused(b"\0\0\0\3 anything", "is damaged or truncated")
    refused(
        Writer().file({"ImageList": {0: image(np.ones((8, 9), np.float32))}}), "holds no stack of images .images: 8 x 9"
    )
    refused(Writer().file({"Other": 1}), "holds no stack of images .images: none")
    wrong = tree(np.ones((3, 20, 30), np.float32))
    wrong["ImageList"][1]["ImageData"]["DataType"] = 3
    refused(Writer().file(wrong), "has images of the type 3, which is no grey value")
    short = tree(np.ones((3, 20, 30), np.float32))
    short["ImageList"][1]["ImageData"]["Dimensions"][2] = 4
    refused(Writer().file(short), "holds 1800 values")
    with pytest.raises(InputError, match="names no writable format"):
        write(read_again(tmp_path, whole), tmp_path / "out.dm3")


def read_again(folder: Path, content: bytes) -> Any:
    path = folder / "again.dm3"
    path.write_bytes(content)
    return read(path)
