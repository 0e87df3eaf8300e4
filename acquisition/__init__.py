"""Acquisition: what makes data. The virtual specimen is an analytic texture whose motion is known exactly.

```python
texture = BlobTexture.random((128, 128, 128), rng=7)
motion = compress(0.02, centre=(63.5, 63.5, 63.5))
reference, deformed = texture.render((128, 128, 128)), texture.render((128, 128, 128), motion=motion)
```
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from acquisition.motion import BandCompression, Homogeneous, Motion, StarField, compress, rotate, translate
    from acquisition.noise import add_noise, quantize
    from acquisition.projections import EllipsePhantom, Exposures, SpherePhantom, expose
    from acquisition.texture import BlobTexture, Cylinder

_MODULES = {
    "BandCompression": "motion",
    "BlobTexture": "texture",
    "Cylinder": "texture",
    "EllipsePhantom": "projections",
    "Exposures": "projections",
    "Homogeneous": "motion",
    "Motion": "motion",
    "SpherePhantom": "projections",
    "StarField": "motion",
    "add_noise": "noise",
    "compress": "motion",
    "expose": "projections",
    "quantize": "noise",
    "rotate": "motion",
    "translate": "motion",
}

__all__ = [
    "BandCompression",
    "BlobTexture",
    "Cylinder",
    "EllipsePhantom",
    "Exposures",
    "Homogeneous",
    "Motion",
    "SpherePhantom",
    "StarField",
    "add_noise",
    "compress",
    "expose",
    "quantize",
    "rotate",
    "translate",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'acquisition' has no attribute {name!r}")
    value = getattr(import_module(f"acquisition.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
