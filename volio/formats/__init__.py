"""The file formats: one small module each, imported only when a file of its kind is met.

A format module has ``read(path, options) -> Volume`` (nothing loaded yet: the data are a memory map or a
`volio.lazy.LazyArray`) and, where the format can be written, ``write(volume, path, options, done)``,
which streams slabs or blocks to `path` and reports each by ``done(voxels)``.
"""

from volio.formats.registry import (
    FORMATS,
    Format,
    ReadOptions,
    WriteOptions,
    find_reader,
    find_writer,
    split_dataset,
)

__all__ = [
    "FORMATS",
    "Format",
    "ReadOptions",
    "WriteOptions",
    "find_reader",
    "find_writer",
    "split_dataset",
]
