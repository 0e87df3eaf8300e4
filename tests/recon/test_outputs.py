import numpy as np
import pytest

from recon.outputs import check_output
from volio.errors import InputError


class Disk:
    """An array on disk that does not say what it holds."""

    shape = (2, 3)


@pytest.mark.parametrize("out", [np.empty((2, 3), np.float32), np.empty((2, 3), np.float64), Disk()])
def test_what_takes_the_result_passes(out):
    check_output(out, (2, 3), what="the result")


def test_another_shape_and_whole_numbers_are_named():
    with pytest.raises(InputError, match=r"out must have the shape \(2, 4\) of the result, got \(2, 3\)"):
        check_output(Disk(), (2, 4), what="the result")
    with pytest.raises(InputError, match="real numbers such as float32, got uint8"):
        check_output(np.empty((2, 3), np.uint8), (2, 3), what="the result")
