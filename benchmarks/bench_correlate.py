"""Timings of the correlation of an analytic pair and of its stages, for asv."""

from typing import Any

import numpy as np

Pair = tuple[np.ndarray, np.ndarray]
EDGE = 128


def make_case() -> Pair:
    """Return an analytic pair: 2 % compression, SNR 20, 8 bits."""
    from acquisition import compress
    from benchmarks.pairs import make_pair, middle

    return make_pair(EDGE, compress(0.02, centre=middle(EDGE)))


def warm_up(pair: Pair, **options: Any) -> None:
    """Compile the kernels that these options need."""
    from volcorr import correlate

    correlate(*(volume[:64, :64, :64] for volume in pair), subset_size=21, progress=False, **options)


class Correlate:
    """The whole call, for three subset sizes."""

    params = (21, 33, 41)
    param_names = ("subset_size",)
    timeout = 300

    def setup_cache(self) -> Pair:
        """Render the pair once."""
        return make_case()

    def setup(self, pair: Pair, subset_size: int) -> None:
        """Compile."""
        warm_up(pair)

    def time_correlate(self, pair: Pair, subset_size: int) -> None:
        """Displacement field."""
        from volcorr import correlate

        correlate(*pair, subset_size=subset_size, spacing=16, progress=False)

    def peakmem_correlate(self, pair: Pair, subset_size: int) -> None:
        """Peak memory of the displacement field."""
        self.time_correlate(pair, subset_size)


class Options:
    """The whole call with other shape functions, splines and executors."""

    params = ("rigid", "translation", "quadratic", "quintic", "serial")
    param_names = ("option",)
    timeout = 300

    def setup_cache(self) -> Pair:
        """Render the pair once."""
        return make_case()

    def setup(self, pair: Pair, option: str) -> None:
        """Compile."""
        name = {"quintic": "spline", "serial": "executor"}.get(option, "shape")
        self.options: dict[str, Any] = {name: option}
        warm_up(pair, **self.options)

    def time_correlate(self, pair: Pair, option: str) -> None:
        """Displacement field."""
        from volcorr import correlate

        correlate(*pair, subset_size=33, spacing=16, progress=False, **self.options)


class Stages:
    """What a call is made of: coarse levels, start values, windows, prefilter, refinement."""

    timeout = 300

    def setup_cache(self) -> Pair:
        """Render the pair once."""
        return make_case()

    def setup(self, pair: Pair) -> None:
        """Compile, and prepare what each stage starts from."""
        from volcorr.icgn import Matching
        from volcorr.pyramid import make_pyramid
        from volcorr.start_values import find_start_values

        warm_up(pair)
        self.matching = Matching(half=(16, 16, 16))
        axis = np.arange(24, EDGE - 24, 16)
        self.points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
        self.pyramid = make_pyramid(*pair)
        start = find_start_values(self.pyramid, self.points).parameters
        self.start = self.matching.function.restrict(start)

    def time_pyramid(self, pair: Pair) -> None:
        """Average both volumes."""
        from volcorr.pyramid import make_pyramid

        make_pyramid(*pair)

    def time_start_values(self, pair: Pair) -> None:
        """From the registration of the whole to half the resolution."""
        from volcorr.start_values import find_start_values

        find_start_values(self.pyramid, self.points)

    def time_registration(self, pair: Pair) -> None:
        """Find the motion of the whole without a start value."""
        from volcorr.registration import register_rigid

        register_rigid(*pair)

    def time_reference_window(self, pair: Pair) -> None:
        """Normalise the reference."""
        from volcorr.windows import read_reference

        read_reference(self.pyramid.reference, self.matching.reference_box(self.points))

    def time_coefficients(self, pair: Pair) -> None:
        """Filter the deformed volume into B-spline coefficients."""
        from volcorr.windows import read_coefficients

        box = self.matching.target_box(self.points, self.start)
        read_coefficients(self.pyramid.deformed, box, self.matching.interpolation)

    def time_refine_one_thread(self, pair: Pair) -> None:
        """IC-GN from the start values, windows included."""
        from volcorr.icgn import refine

        refine(self.pyramid.reference, self.pyramid.deformed, self.points, self.start, self.matching, threads=1)


class Strain:
    """From displacement to strain."""

    params = ("window", "hexahedra")
    param_names = ("method",)
    timeout = 300

    def setup_cache(self) -> Any:
        """Correlate once, at many points."""
        from volcorr import correlate

        return correlate(*make_case(), subset_size=13, spacing=4, progress=False)

    def setup(self, fields: Any, method: str) -> None:
        """Compile."""
        self.time_strain(fields.isel(z=slice(4), y=slice(4), x=slice(4)), method)

    def time_strain(self, fields: Any, method: str) -> None:
        """Green-Lagrange strain."""
        from volcorr import strain

        strain(fields, method=method)
