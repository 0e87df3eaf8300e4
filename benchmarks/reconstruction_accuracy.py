"""How right filtered back projection is: every filter and option, beside algotom and ASTRA, on the same rows.

    python -m benchmarks.reconstruction_accuracy --peers ~/peers/bin/python
    python -m benchmarks.reconstruction_accuracy --peers ~/peers/bin/python --pictures docs/images

The specimens are analytic, their line integrals averaged over the detector bins and their truth over the pixels:
`discs` (few, large), `ellipses` (a disc full of particles, pores and cracks) and `packing` (a plane through a packing
of spheres, as in an electrode). Scans are of half a turn and of ±70 degrees, without noise and with that of 10000
photons; other seeds place other particles and draw other photons.

RMSE is in 1/pixel (particles are 0.008) inside 92 % of the width; slope is how much of a difference between two
places comes back, mean the ratio of the means. The edge is the distance over which the edge of a disc falls from 90 to
10 %, in pixels; a sharp edge in pixels that average is `truth`. Over ±70 degrees it is that of the edges which face
the measured directions; those which face the middle of the missing ones stand beside it.
"""

from pathlib import Path
from typing import Any

import numpy as np

from acquisition.projections import EllipsePhantom, SpherePhantom
from benchmarks.back_projection import ANGLES, add_noise, directions, judge, run_ours, run_peer
from benchmarks.engines import make_parser, save_report, tabulate
from benchmarks.pictures import draw_curves

PHOTONS = 1e4
#: Filters, and what other packages have of them.
FILTERS = ("ramp", "shepp-logan", "cosine", "hamming", "hann", "parzen", "butterworth")
PEER_FILTERS = {
    "algotom": ("ramp", "hamming", "hann", "parzen"),
    "astra": FILTERS[:6],
    "volcorr-astra": ("ramp", "hann"),
}
VALUE = 0.008
#: Bins of the profile across an edge: their width (of one that is smeared) and how far they reach, in pixels.
FINE, COARSE, REACH = 0.25, 1.0, 24.0
#: Beyond it there is no edge to speak of.
WIDEST = 30.0


def make_phantom(kind: str, size: int, seed: int) -> EllipsePhantom:
    """Return a specimen."""
    if kind == "ellipses":
        return EllipsePhantom.electrode(size, seed=seed)
    if kind == "packing":
        return SpherePhantom.electrode(size, height=size // 4, seed=seed, particles=800).slice(0.0)
    rng = np.random.default_rng(seed)
    if kind == "edge":
        y, x = rng.uniform(-0.08, 0.08, 2) * size
        return EllipsePhantom.disc(0.3 * size, VALUE, y=y, x=x)
    found: list[tuple[float, float, float]] = []
    while len(found) < 9:
        radius, distance, turn = rng.uniform(0.05, 0.12) * size, 0.36 * size * np.sqrt(rng.random()), rng.random()
        y, x = distance * np.sin(2 * np.pi * turn), distance * np.cos(2 * np.pi * turn)
        if all(np.hypot(y - v, x - u) > radius + r for v, u, r in found):
            found.append((y, x, radius))
    return EllipsePhantom(np.array([[y, x, r, r, 0.0, VALUE] for y, x, r in found]))


def edge_profile(
    image: np.ndarray, phantom: EllipsePhantom, *, toward: float, within: float, width: float
) -> np.ndarray:
    """Return the mean profile (distance, value in parts of the disc's attenuation) across its edge.

    Only edges which face the direction `toward` (from x to y) or the opposite one `within` an angle count, in radians.
    Distances are in bins of a `width`.
    """
    y0, x0, radius = phantom.ellipses[0, :3]
    size = len(image)
    y, x = np.mgrid[:size, :size] - 0.5 * (size - 1)
    away, facing = np.hypot(y - y0, x - x0) - radius, np.arctan2(y - y0, x - x0)
    turn = np.abs((facing - toward + np.pi / 2) % np.pi - np.pi / 2)
    chosen = (np.abs(away) < REACH) & (turn <= within)
    number = np.floor((away[chosen] + REACH) / width).astype(int)
    total = np.bincount(number, image[chosen].astype(float))
    values = total / np.maximum(np.bincount(number), 1)
    places = (np.arange(values.size) + 0.5) * width - REACH
    return np.stack([places, values / phantom.ellipses[0, 5]])


def edge_width(profile: np.ndarray, *, local: bool) -> float:
    """Return the distance from 90 to 10 % of an edge: infinite where it is not found.

    Of what lies 3 to 8 pixels from the edge, if `local`, else of the disc and nothing: it is smeared further than that.
    """
    places, values = profile
    near = np.abs(np.abs(places) - 5.5) < 2.5
    outside = values[near & (places > 0)].mean() if local else 0.0
    inside = values[near & (places < 0)].mean()
    values = (values - outside) / (inside - outside)
    middle = int(np.argmin(np.abs(places)))
    ends = []
    for level, way in ((0.9, -1), (0.1, 1)):
        k = middle
        while 0 < k < len(values) - 1 and (values[k] - level) * way > 0:
            k += way
        if k in (0, len(values) - 1):
            return float("inf")
        part = (level - values[k - way]) / (values[k] - values[k - way])
        ends.append(places[k - way] + part * (places[k] - places[k - way]))
    return float(ends[1] - ends[0])


def make_scans(size: int, seeds: int, *, limited: bool) -> list[dict[str, Any]]:
    """Return scans of a range of angles: rows, truth and what they are of."""
    angles = directions(size, limited=limited)
    scans = []
    for kind in ("discs", "ellipses", "packing", "edge"):
        for seed in range(seeds):
            phantom = make_phantom(kind, size, seed)
            lines, truth = phantom.project(angles, columns=size), phantom.render(size)
            for photons in (0.0, PHOTONS):
                rows = add_noise(lines, photons=photons, seed=seed) if photons else lines
                scans.append({"kind": kind, "photons": photons, "rows": rows, "truth": truth, "phantom": phantom})
    return scans


def measure(options: Any, *, limited: bool) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """Return a record for each specimen, noise, package and filter, and profiles across the edge."""
    size = options.size
    scans, angles = make_scans(size, options.seeds, limited=limited), directions(size, limited=limited)
    rows = np.stack([scan["rows"] for scan in scans], axis=1)
    found: dict[str, np.ndarray] = {"truth": np.stack([scan["truth"] for scan in scans])}
    for name in FILTERS:
        found[f"volcorr, {name}"] = run_ours(rows, angles, threads=options.threads, filter=name)["slices"]
    found["volcorr, ramp, padding zero"] = run_ours(rows, angles, threads=options.threads, padding="zero")["slices"]
    if limited:
        angular = run_ours(rows, angles, threads=options.threads, weighting="angular")
        found["volcorr, ramp, weighting angular"] = angular["slices"]
    for package in options.packages if options.peers else ():
        for name in PEER_FILTERS[package]:
            done = run_peer(package, options.peers, rows, angles, options.threads, filter=name)
            found[f"{package} {done['version']}, {name}"] = done["slices"]
            print(f"{package}, {name}: done", flush=True)
    within = np.radians(45 if limited else 90)
    records, profiles = [], {}
    for name, slices in found.items():
        for photons in (0.0, PHOTONS) if name != "truth" else (0.0,):
            case = f"{'±70°' if limited else '180°'}{', 10⁴ photons' if photons else ''}"
            chosen = [(s, image) for s, image in zip(scans, slices, strict=True) if s["photons"] == photons]
            record: dict[str, Any] = {"case": case, "name": name, "seeds": options.seeds}
            for kind in ("discs", "ellipses", "packing"):
                each = [judge(image, s["truth"]) for s, image in chosen if s["kind"] == kind]
                record |= {f"{kind}_{key}": float(np.mean([one[key] for one in each])) for key in each[0]}
                record[f"{kind}_spread"] = float(np.ptp([one["rmse"] for one in each]))
            edges = [(s["phantom"], image) for s, image in chosen if s["kind"] == "edge"]
            for key, toward, part, bins in (
                ("edge", 0.0, within, FINE),
                ("missing", np.pi / 2, np.radians(15), COARSE),
            ):
                across = [edge_profile(image, disc, toward=toward, within=part, width=bins) for disc, image in edges]
                width = edge_width(np.mean(across, axis=0), local=key == "edge")
                record[key] = width
                if key == "edge" or limited:
                    record[f"{key}_text"] = f"{width:.2f}" if width < WIDEST else "none"
                profiles[f"{case}|{name}|{key}"] = np.mean(across, axis=0)
            records.append(record)
    return records, profiles


COLUMNS = {
    "scan": "{case}",
    "package, filter": "{name}",
    "discs RMSE 10⁻⁴": "{discs_rmse:.2f}",
    "ellipses RMSE": "{ellipses_rmse:.2f}",
    "packing RMSE": "{packing_rmse:.2f}",
    "spread over seeds": "{packing_spread:.2f}",
    "slope": "{packing_slope:.4f}",
    "mean": "{packing_mean:.4f}",
    "edge (pixels)": "{edge_text}",
    "edge, missing directions": "{missing_text}",
}


def draw(records: list[dict[str, Any]], profiles: dict[str, np.ndarray], path: Path, size: int) -> None:
    """Draw profiles across the edge, and error against sharpness."""
    shown = {"volcorr, ramp": "volcorr, ramp", "volcorr, hann": "volcorr, hann", "volcorr, parzen": "volcorr, parzen"}
    shown |= {r["name"]: r["name"].split()[0] + ", ramp" for r in records
              if r["name"].endswith(", ramp") and r["name"].split()[0] in ("algotom", "astra")}  # fmt: skip
    panels: list[dict[str, Any]] = [
        {
            "title": f"edge of a disc, {case}",
            "xlabel": "distance from the edge (pixels)",
            "ylabel": "part of the attenuation inside",
            "xlim": (-4, 4),
            "markers": False,
            "curves": {label: tuple(profiles[f"{case}|{name}|{key}"]) for name, label in shown.items()},
        }
        for case, key in (("180°", "edge"), ("±70°", "missing"))
    ]
    panels[1] |= {"title": "±70°, edges facing the missing directions", "xlim": (-24, 24)}
    for case in ("180°", "180°, 10⁴ photons"):
        curves = {}
        for package in ("volcorr", "algotom", "astra"):
            # the filters alone: "package version, filter"
            each = [r for r in records if r["case"] == case and r["name"].count(",") == 1
                    and r["name"].split(",")[0].split()[0] == package]  # fmt: skip
            if each:
                each.sort(key=lambda r: r["edge"])
                curves[f"{package}, all filters"] = ([r["edge"] for r in each], [r["packing_rmse"] for r in each])
        labels = {"xlabel": "edge, 10 to 90 % (pixels)", "ylabel": "RMSE (10⁻⁴ / pixel)"}
        panels.append(labels | {"title": f"packing, {case}", "curves": curves})
    text = [f"{size}² pixels, {ANGLES[size]} angles"]
    for half, part in (("edges", panels[:2]), ("errors", panels[2:])):
        draw_curves(part, path.with_stem(f"{path.stem}_{half}"), title=f"Reconstruction: {half}", lines=text)


def main() -> None:
    """Run from the command line."""
    parser = make_parser(__doc__, "reconstruction_accuracy")
    parser.add_argument("--peers", type=Path, help="Python of an environment with algotom and astra-toolbox")
    parser.add_argument("--packages", nargs="*", choices=PEER_FILTERS, default=list(PEER_FILTERS))
    parser.add_argument("--size", type=int, choices=ANGLES, default=512)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--pictures", type=Path, help="folder of the pictures; that of the output when not given")
    options = parser.parse_args()
    if options.quick:
        options.size, options.seeds = 128, 1
    records, profiles = [], {}
    for limited in (False, True):
        some, across = measure(options, limited=limited)
        records, profiles = records + some, profiles | across
    save_report(options.output, {"accuracy": records}, tabulate(records, COLUMNS))
    folder = options.pictures or options.output.parent
    draw(records, profiles, folder / "reconstruction_accuracy.png", options.size)


if __name__ == "__main__":
    main()
