"""Kernels of the B-spline prefilter (see `interpolation`): symmetric filters of finite length along each axis.

A finite filter gives a coefficient the same bits whatever else is filtered with it, which a recursive one does not, and
needs about as little time because neighbouring coefficients are computed in one vector.
"""

from volio.jit import inlined, jit
from volio.simd import LANES, load, pointer, splat, store


@inlined
def _filter(source, i, step, taps, k):
    """Sum a symmetric filter along one direction; taps (k + 1) from the centre outwards."""
    s = splat(taps[0]) * load(source, i)
    for m in range(1, k + 1):
        s = s + splat(taps[m]) * (load(source, i - m * step) + load(source, i + m * step))
    return s


@inlined
def _filter_row(source, i, step, taps, count, out, o):
    """Filter `count` values, at least LANES; the last vector overlaps the one before."""
    for block in range(0, count, LANES):
        x = min(block, count - LANES)
        store(out, o + x, _filter(source, i + x, step, taps, taps.size - 1))


@jit
def filter_slab(slab, taps, rows, planes, out):
    """Filter slab (nz + 2k, ny + 2k, nx + 2k) along all axes to out (nz, ny, nx); all float32, nx at least LANES.

    taps (k + 1) from the centre outwards; rows (ny + 2k, nx) and planes (nz + 2k, ny, nx) are work space.
    """
    k = taps.size - 1
    nz, ny, nx = out.shape
    tall, wide = slab.shape[1], slab.shape[2]
    one = slab.strides[2] // slab.itemsize  # a constant would compile the filter once more
    along = (one, nx, ny * nx)
    s, r, p, o = pointer(slab), pointer(rows), pointer(planes), pointer(out)
    for z in range(nz + 2 * k):
        for y in range(tall):
            _filter_row(s, (z * tall + y) * wide + k, along[0], taps, nx, r, y * nx)
        for y in range(ny):
            _filter_row(r, (y + k) * nx, along[1], taps, nx, p, (z * ny + y) * nx)
    for y in range(ny):
        for z in range(nz):
            _filter_row(p, ((z + k) * ny + y) * nx, along[2], taps, nx, o, (z * ny + y) * nx)
