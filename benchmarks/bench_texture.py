"""Timings of the analytic texture, for asv."""


class Render:
    """A volume of 128^3 voxels."""

    params = ("reference", "compression", "band")
    param_names = ("motion",)

    def setup(self, motion: str) -> None:
        """Scatter the blobs and compile."""
        from acquisition import BandCompression, BlobTexture, compress

        centre = (63.5, 63.5, 63.5)
        motions = {"compression": compress(0.02, centre=centre), "band": BandCompression(centre)}
        self.motion = motions.get(motion)
        self.texture = BlobTexture.random((128, 128, 128), rng=7)
        self.texture.render((16, 16, 16))

    def time_render(self, motion: str) -> None:
        """Evaluate the texture at every voxel."""
        self.texture.render((128, 128, 128), motion=self.motion)
