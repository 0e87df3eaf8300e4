"""Two more questions of `benchmarks.accuracy`: is the stated uncertainty true, and is strain free of bias."""

from typing import Any

import numpy as np

import volcorr
from acquisition import compress
from benchmarks.engines import tabulate
from benchmarks.pairs import make_texture, middle, record
from volcorr.fields import DISPLACEMENT, SIGMA, STRAIN

COMPRESSION = 0.05


def repeat_noise(*, size: int, snrs: tuple[float, ...], count: int, subset: int, threads: int) -> list[dict[str, Any]]:
    """Correlate one pair with fresh noise again and again: the scatter at each point over its stated uncertainty."""
    texture, motion = make_texture(size), compress(0.02, centre=middle(size))
    exact = [texture.render((size,) * 3, motion=moved) for moved in (None, motion)]
    results = []
    for snr in snrs:
        u, sigma = [], []
        for number in range(count):
            pair = [record(volume, snr, 2 * number + part) for part, volume in enumerate(exact)]
            fields = volcorr.correlate(*pair, subset_size=subset, spacing=8, threads=threads, progress=False)
            u.append([fields[name].to_numpy() for name in DISPLACEMENT])
            sigma.append([fields[name].to_numpy() for name in SIGMA])
        scatter = np.std(u, axis=0, ddof=1)
        stated = np.sqrt(np.mean(np.square(sigma), axis=0))
        error = np.asarray(u) - np.mean(u, axis=0)
        # of normal errors 68.3 % lie within one standard deviation, and of errors from a mean of n slightly more
        within = np.abs(error) * np.sqrt(count / (count - 1)) < np.asarray(sigma)
        ratio = np.sqrt(np.nanmean(scatter**2, (1, 2, 3)) / np.nanmean(stated**2, (1, 2, 3)))
        results.append(
            {"snr": snr, "subset_size": subset, "realisations": count, "points": int(scatter[0].size)}
            | {"scatter": float(np.sqrt(np.nanmean(scatter**2))), "stated": float(np.sqrt(np.nanmean(stated**2)))}
            | {f"ratio_{axis}": float(value) for axis, value in zip("zyx", ratio, strict=True)}
            | {"lost": float(np.isnan(u).mean()), "within": float(within[np.isfinite(error)].mean())}
        )
    return results


def measure_strain(*, size: int, subsets: tuple[int, ...], threads: int) -> list[dict[str, Any]]:
    """Compress without noise and return errors of the Green-Lagrange strain in microstrain."""
    texture, motion = make_texture(size), compress(COMPRESSION, centre=middle(size))
    pair = [texture.render((size,) * 3, motion=moved) for moved in (None, motion)]
    f = np.eye(3) + motion.gradient(np.zeros(3))
    e = (f.T @ f - np.eye(3)) / 2
    truth = [e[0, 0], e[1, 1], e[2, 2], e[0, 1], e[0, 2], e[1, 2]]
    results = []
    for subset in subsets:
        fields = volcorr.correlate(*pair, subset_size=subset, spacing=16, threads=threads, progress=False)
        fields = volcorr.strain(fields)
        error = [1e6 * (fields[name].to_numpy() - true) for name, true in zip(STRAIN, truth, strict=True)]
        found = [one[np.isfinite(one)] for one in error]
        means = {name: float(one.mean()) for name, one in zip(STRAIN, found, strict=True)}
        results.append(
            {"subset_size": subset, "points": len(found[0]), "bias_zz": means["e_zz"], "means": means}
            | {"bias": max(map(abs, means.values()))}
            | {"rms": float(np.sqrt(np.mean([np.mean(one**2) for one in found])))}
        )
    return results


def make_tables(noise: list[dict[str, Any]], strain: list[dict[str, Any]]) -> str:
    """Format both."""
    first = tabulate(
        noise,
        {
            "SNR": "{snr:g}",
            "subset": "{subset_size}³",
            "noise realisations": "{realisations}",
            "points": "{points}",
            "scatter": "{scatter:.2e}",
            "stated": "{stated:.2e}",
            "scatter/stated z": "{ratio_z:.3f}",
            "y": "{ratio_y:.3f}",
            "x": "{ratio_x:.3f}",
            "within one sigma (68.3%)": "{within:.1%}",
        },
    )
    second = tabulate(
        strain,
        {
            "subset": "{subset_size}³",
            "points": "{points}",
            "bias of e_zz (microstrain)": "{bias_zz:+.2f}",
            "largest bias of a component": "{bias:.2f}",
            "rms error": "{rms:.1f}",
        },
    )
    return f"{first}\n\n{second}"
