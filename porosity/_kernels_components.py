"""Kernels on numbered components (see `topology`)."""

from volio.jit import jit


@jit
def measure_components(numbers, sizes, faces):
    """Count voxels into sizes (n + 1,) int64 and mark touched faces in faces (n + 1,) uint8, both 0 at first.

    `numbers` (z, y, x) is uint16 or uint32. Bits 0 ... 5 of a mark: first and last plane along z, along y, along x.
    """
    nz, ny, nx = numbers.shape
    for z in range(nz):
        at_z = (1 if z == 0 else 0) | (2 if z == nz - 1 else 0)
        for y in range(ny):
            at_y = at_z | (4 if y == 0 else 0) | (8 if y == ny - 1 else 0)
            row = numbers[z, y]
            start = 0
            for x in range(1, nx + 1):
                if x < nx and row[x] == row[start]:
                    continue
                sizes[row[start]] += x - start
                faces[row[start]] |= at_y | (16 if start == 0 else 0) | (32 if x == nx else 0)
                start = x


@jit
def neighbours_of_components(numbers, labels, lowest, highest):
    """Set lowest and highest (n + 1,) int64 to the range of labels other than 0 next to each component.

    `numbers` (z, y, x) are the components, 0 where none is; `labels` (z, y, x) uint8 or uint16 is 0 in components.
    """
    for z in range(numbers.shape[0]):
        for y in range(numbers.shape[1]):
            for x in range(numbers.shape[2]):
                own, label = numbers[z, y, x], labels[z, y, x]
                for axis in range(3):
                    k, j, i = z + (axis == 0), y + (axis == 1), x + (axis == 2)
                    if k == numbers.shape[0] or j == numbers.shape[1] or i == numbers.shape[2]:
                        continue
                    other = labels[k, j, i]
                    if own != 0 and other != 0:
                        lowest[own], highest[own] = min(lowest[own], other), max(highest[own], other)
                    number = numbers[k, j, i]
                    if number != 0 and label != 0:
                        lowest[number], highest[number] = min(lowest[number], label), max(highest[number], label)
