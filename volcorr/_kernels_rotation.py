"""Kernels of the rotation in a deformation gradient (see `strain_measures`)."""

import math

import numpy as np

from volio.jit import jit


@jit
def _polar(f, r):
    """Replace r (3, 3) by the rotation of the polar decomposition f = r u; False if f turns the material inside out.

    Newton's iteration r <- (r + r^-T) / 2: N. J. Higham, SIAM J. Sci. Stat. Comput. 7 (1986) 1160-1174.
    """
    for i in range(3):
        for j in range(3):
            r[i, j] = f[i, j]
    cofactor = np.empty((3, 3))
    for _ in range(60):
        for i in range(3):
            i1, i2 = (i + 1) % 3, (i + 2) % 3
            for j in range(3):
                j1, j2 = (j + 1) % 3, (j + 2) % 3
                cofactor[i, j] = r[i1, j1] * r[i2, j2] - r[i1, j2] * r[i2, j1]
        determinant = r[0, 0] * cofactor[0, 0] + r[0, 1] * cofactor[0, 1] + r[0, 2] * cofactor[0, 2]
        if determinant <= 1e-12:
            return False
        change = 0.0
        for i in range(3):
            for j in range(3):
                new = 0.5 * (r[i, j] + cofactor[i, j] / determinant)
                change = max(change, abs(new - r[i, j]))
                r[i, j] = new
        if change < 1e-15:
            break
    return True


@jit
def rotation_vectors(deformation, good, vectors):
    """Rotation vector (degrees, components z, y, x) of each deformation gradient, all axes in the order z, y, x.

    deformation (n, 3, 3) float64; good (n,) uint8 is cleared where there is none; vectors (n, 3), out.
    """
    r, q = np.empty((3, 3)), np.empty(4)
    for n in range(good.size):
        if not good[n]:
            continue
        if not _polar(deformation[n], r):
            good[n] = 0
            continue
        # quaternion from its largest component; x, y, z are the last, middle and first axis
        trace = r[0, 0] + r[1, 1] + r[2, 2]
        q[0] = 1.0 + trace
        for i in range(3):
            q[1 + i] = 1.0 + 2.0 * r[i, i] - trace
        largest = np.argmax(q)
        q[largest] = 0.5 * math.sqrt(max(q[largest], 0.0))
        # axial vector, right-handed in x, y, z: z from (y, x), y from (x, z), x from (z, y)
        az, ay, ax = r[1, 2] - r[2, 1], r[2, 0] - r[0, 2], r[0, 1] - r[1, 0]
        four = 4.0 * q[largest]
        if largest == 0:
            q[1], q[2], q[3] = az / four, ay / four, ax / four
        elif largest == 1:
            q[0], q[2], q[3] = az / four, (r[0, 1] + r[1, 0]) / four, (r[0, 2] + r[2, 0]) / four
        elif largest == 2:
            q[0], q[1], q[3] = ay / four, (r[0, 1] + r[1, 0]) / four, (r[1, 2] + r[2, 1]) / four
        else:
            q[0], q[1], q[2] = ax / four, (r[0, 2] + r[2, 0]) / four, (r[1, 2] + r[2, 1]) / four
        sign = 1.0 if q[0] >= 0.0 else -1.0
        length = math.sqrt(q[1] * q[1] + q[2] * q[2] + q[3] * q[3])
        angle = 2.0 * math.atan2(length, sign * q[0])
        factor = math.degrees(sign * (angle / length if length > 1e-150 else 2.0))
        for i in range(3):
            vectors[n, i] = factor * q[1 + i]
