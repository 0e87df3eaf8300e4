"""Timings of the correlation of an analytic pair, for asv."""

import numpy as np

SHAPE = (128, 128, 128)


def make_pair() -> tuple[np.ndarray, np.ndarray]:
    """Return an analytic pair: 2 % compression, SNR 20, 8 bits."""
    from acquisition import BlobTexture, add_noise, compress, quantize

    texture = BlobTexture.random(SHAPE, rng=7)
    motion = compress(0.02, centre=(63.5, 63.5, 63.5))
    reference, deformed = (
        quantize(add_noise(texture.render(SHAPE, motion=moved), snr=20, rng=seed))
        for seed, moved in enumerate((None, motion))
    )
    return reference, deformed


class Correlate:
    """The whole call, for three subset sizes."""

    params = (21, 33, 41)
    param_names = ("subset_size",)
    timeout = 300

    def setup_cache(self) -> tuple[np.ndarray, np.ndarray]:
        """Render the pair once."""
        return make_pair()

    def setup(self, pair: tuple[np.ndarray, np.ndarray], subset_size: int) -> None:
        """Compile."""
        self.time_correlate(tuple(volume[:64, :64, :64] for volume in pair), 21)

    def time_correlate(self, pair: tuple[np.ndarray, np.ndarray], subset_size: int) -> None:
        """Displacement field."""
        from volcorr import correlate

        correlate(*pair, subset_size=subset_size, spacing=16, progress=False)

    def peakmem_correlate(self, pair: tuple[np.ndarray, np.ndarray], subset_size: int) -> None:
        """Peak memory of the displacement field."""
        self.time_correlate(pair, subset_size)


class Strain:
    """From displacement to strain."""

    def setup(self) -> None:
        """Correlate once, at many points."""
        from volcorr import correlate

        self.fields = correlate(*make_pair(), subset_size=9, spacing=4, progress=False)

    def time_strain(self) -> None:
        """Green-Lagrange strain over windows of 3 x 3 x 3 points."""
        from volcorr import strain

        strain(self.fields)
