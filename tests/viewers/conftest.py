import numpy as np
import pytest
import xarray as xr

from volcorr.fields import STRAIN, Status, build_fields
from volio import Volume


def specimen(shape, *, voxel_size=None, origin=(0.0, 0.0, 0.0), seed=0):
    """A textured cylinder along z in air."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=shape).astype(np.float32)
    for axis in range(3):
        noise = (np.roll(noise, 1, axis) + 2 * noise + np.roll(noise, -1, axis)) / 4
    y, x = (np.arange(n) - (n - 1) / 2 for n in shape[1:])
    core = np.hypot(y[:, None] / shape[1], x[None, :] / shape[2]) < 0.44
    grey = np.where(core[None], 130 + 400 * noise, 25 + 40 * noise)
    data = np.clip(grey, 0, 255).astype(np.uint8)
    return Volume(data, voxel_size=voxel_size, origin=origin, name="step_00")


def measurement(
    shape=(64, 64, 64),
    *,
    spacing=8,
    subset=17,
    voxel_size=None,
    origin=(0.0, 0.0, 0.0),
    strain=-0.012,
    with_strain=True,
    shift=(0.0, 0.0, 0.0),
    masked=True,
    seed=1,
):
    """A compressed cylinder with a hot spot, lateral expansion, noise, masked air and a few lost points."""
    rng = np.random.default_rng(seed)
    unit, size = ("um", np.array(voxel_size)) if voxel_size else ("voxel", np.ones(3))
    half = subset // 2 + 2
    axes = [np.arange(half, max(n - half, half + 1), spacing) for n in shape]
    positions = [o + s * a for o, s, a in zip(origin, size, axes, strict=True)]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    middle = [(n - 1) / 2 for n in shape]
    rz, ry, rx = ((p - m) / n for p, m, n in zip((z, y, x), middle, shape, strict=True))
    hot = np.exp(-((rz - 0.1) ** 2 + (rx - 0.12) ** 2 + ry**2) / 0.015)
    e = {
        "e_zz": strain * (1 + 1.6 * hot),
        "e_yy": -0.3 * strain * (1 + hot),
        "e_xx": -0.3 * strain * (1 + 0.8 * hot),
        "e_zy": 0.5 * strain * ry * hot,
        "e_zx": 2.0 * strain * (rx - 0.12) * hot,
        "e_yx": 0.1 * strain * rx,
    }
    u = np.stack(
        [
            e["e_zz"] * (z - middle[0]) * size[0],
            e["e_yy"] * (y - middle[1]) * size[1],
            e["e_xx"] * (x - middle[2]) * size[2],
        ]
    )
    u += np.array(shift)[:, None, None, None] + rng.normal(scale=0.02, size=u.shape) * size[:, None, None, None]
    status = np.full(z.shape, Status.VALID, np.uint8)
    if masked:
        status[np.hypot(ry, rx) > 0.42] = Status.OUTSIDE_MASK
        lost = (rng.random(z.shape) < 0.01) & (status == Status.VALID)
        status[lost] = rng.choice([Status.LOW_CORRELATION, Status.NOT_CONVERGED, Status.NO_TEXTURE], lost.sum())
    cc = np.clip(0.985 - 0.05 * hot - np.abs(rng.normal(scale=0.006, size=z.shape)), -1, 1)
    cc[status == Status.LOW_CORRELATION] = rng.uniform(0.1, 0.5, (status == Status.LOW_CORRELATION).sum())
    cc[np.isin(status, (Status.OUTSIDE_MASK, Status.NO_TEXTURE))] = np.nan
    attrs = {
        "unit": unit,
        "voxel_size": [float(s) for s in size],
        "subset_size": [subset] * 3,
        "spacing": [spacing] * 3,
        "volume_shape": list(shape),
        "volume_origin": list(origin),
        "reference": "step_00",
        "deformed": "step_01",
        "software": "volcorr 0.1.0",
    }
    sigma = np.full(u.shape, 0.01) * size[:, None, None, None]
    iterations = np.where(status == Status.VALID, 5, 0)
    fields = build_fields(
        tuple(positions),
        displacement=u,
        sigma=sigma,
        cc=cc,
        iterations=iterations,
        status=status,
        attrs=attrs,
    )
    if not with_strain:
        return fields
    noise = 0.06 * abs(strain)
    for name in STRAIN:
        values = np.where(status == Status.VALID, e[name] + rng.normal(scale=noise, size=z.shape), np.nan)
        fields[name] = (("z", "y", "x"), values)
    fields["strain_points"] = (("z", "y", "x"), np.where(status == Status.VALID, 27, 0).astype(np.int16))
    return fields.assign_attrs(strain_measure="green-lagrange", strain_window=[3, 3, 3])


@pytest.fixture(scope="session")
def make_volume():
    return specimen


@pytest.fixture(scope="session")
def make_fields():
    return measurement


@pytest.fixture
def fields() -> xr.Dataset:
    return measurement(voxel_size=(0.5, 0.5, 0.5), origin=(10.0, -5.0, 0.0))


@pytest.fixture
def volume() -> Volume:
    return specimen((64, 64, 64), voxel_size=(0.5, 0.5, 0.5), origin=(10.0, -5.0, 0.0))


@pytest.fixture
def nothing_valid() -> xr.Dataset:
    fields = measurement()
    lost = xr.full_like(fields["status"], Status.NOT_CONVERGED)
    names = [name for name in fields.data_vars if str(name)[0] in "ue" or str(name).startswith("sigma")]
    return fields.assign({name: fields[name] * np.nan for name in names}).assign(status=lost)
