"""What is no sinogram is refused by every method that removes stripes, in one line."""

import numpy as np
import pytest

from recon.regularized_stripes import remove_stripes_by_regularization
from recon.sinograms import check_sinograms
from recon.sorted_stripes import remove_all_stripes, remove_stripes_by_filtering
from recon.wavelet_stripes import remove_stripes_by_wavelets
from volio.errors import InputError

METHODS = (
    check_sinograms,
    remove_all_stripes,
    remove_stripes_by_filtering,
    remove_stripes_by_regularization,
    remove_stripes_by_wavelets,
)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(method, value):
    sinograms = np.ones((2, 160, 150))
    sinograms[1, 7, 9] = value
    with pytest.raises(InputError, match="sinograms hold NaN or infinite values") as caught:
        method(sinograms)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(160, 150), (1, 0, 150), (0, 160, 150), (2, 160, 1)])
def test_other_shapes_are_refused(method, shape):
    with pytest.raises(InputError, match="sinograms need 3 axes"):
        method(np.ones(shape))


@pytest.mark.parametrize("method", METHODS)
def test_whole_numbers_are_sinograms(method):
    found = method(np.full((1, 160, 150), 7, np.uint16))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, 7, atol=1e-4)
