import subprocess
import sys

import pytest

import segmentation


def test_every_public_name_is_there() -> None:
    assert set(segmentation.__all__) <= set(dir(segmentation))
    for name in segmentation.__all__:
        assert getattr(segmentation, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'unet'"):
        _ = segmentation.unet


def test_import_is_light() -> None:
    code = (
        "import sys, segmentation; "
        "assert not {'numba', 'scipy', 'sklearn', 'skimage', 'pandas', 'zarr', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=".")
