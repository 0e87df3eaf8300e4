"""Kernels of the bottleneck flood (see `intrusion`): the widest way from an inlet to every voxel.

`field` is the padded map of squared distances as in `_kernels_distance`. Each voxel p looks at a neighbour n across a
face with field[n] >= field[p]. Whatever the inlet, the flood F obeys F(p) = min(field[p], F(n)) there: a way to p is a
way to n, and n is no narrower. So the flood is known everywhere once it is known at the summits, where these steps
end. Summits whose voxels touch are joined by throats, and only the widest throats that join all (the maximum spanning
forest) matter.
"""

import numpy as np

from volio.jit import inner, jit

SOLID, SUMMIT = 0, 1


@jit
def climb(field, codes, first, last):
    """Set codes (z, y, x) to 2 ... 7 for the step up along -z, -y, -x, +z, +y, +x, in planes first ... last - 1.

    Between equal neighbours only the steps -z, -y, -x are taken, so that no way is a circle. Return the number of
    summits.
    """
    summits = 0
    for z in range(first, last):
        for y in range(codes.shape[1]):
            middle = field[z + 1, y + 1]
            above, below, left, right = field[z, y + 1], field[z + 2, y + 1], field[z + 1, y], field[z + 1, y + 2]
            row = codes[z, y]
            for x in range(codes.shape[2]):
                value = middle[x + 1]
                if value == 0:
                    row[x] = SOLID
                    continue
                best, code = value, SUMMIT
                if middle[x] >= best:
                    best, code = middle[x], 4
                if left[x + 1] > best or (left[x + 1] == best and code == SUMMIT):
                    best, code = left[x + 1], 3
                if above[x + 1] > best or (above[x + 1] == best and code == SUMMIT):
                    best, code = above[x + 1], 2
                if middle[x + 2] > best:
                    best, code = middle[x + 2], 7
                if right[x + 1] > best:
                    best, code = right[x + 1], 6
                if below[x + 1] > best:
                    best, code = below[x + 1], 5
                row[x] = code
                summits += code == SUMMIT
    return summits


@jit
def number_summits(codes, labels, first, last, number):
    """Give the summits in planes first ... last - 1 the labels number, number + 1, ...; solid voxels get -1."""
    for z in range(first, last):
        for y in range(codes.shape[1]):
            row, named = codes[z, y], labels[z, y]
            for x in range(codes.shape[2]):
                if row[x] == SUMMIT:
                    named[x] = number
                    number += 1
                elif row[x] == SOLID:
                    named[x] = -1


@jit
def follow(codes, labels, first, last):
    """Give every voxel in planes first ... last - 1 the label of the summit that its steps lead to."""
    width = codes.shape[2]
    plane = width * codes.shape[1]
    steps = np.array([0, 0, -plane, -width, -1, plane, width, 1])
    code, label = codes.reshape(-1), labels.reshape(-1)
    begin = first * plane
    for start in range(begin, last * plane):
        if code[start] <= SUMMIT:
            continue
        place = start + steps[code[start]]
        # voxels of this task that came before are done, those of others are never read
        while code[place] != SUMMIT and not begin <= place < start:
            place += steps[code[place]]
        label[start] = label[place]


@inner
def _is_lower(field, labels, p, q, sides, width):
    """Tell whether a pair of voxels beside p, q joins the same by a wider throat (or an equal, earlier one)."""
    one, other = labels[p], labels[q]
    for axis in sides:
        for sign in (-1, 1):
            a = (p[0] + sign * (axis == 0), p[1] + sign * (axis == 1), p[2] + sign * (axis == 2))
            b = (q[0] + sign * (axis == 0), q[1] + sign * (axis == 1), q[2] + sign * (axis == 2))
            if a[axis] < 0 or a[axis] >= labels.shape[axis] or labels[a] != one or labels[b] != other:
                continue
            beside = min(field[a[0] + 1, a[1] + 1, a[2] + 1], field[b[0] + 1, b[1] + 1, b[2] + 1])
            if beside > width or (beside == width and sign < 0):
                return True
    return False


@inner
def _cross(field, labels, z, y, axis, found, count):
    """Add the throats from a row to the next voxels along an axis to found[count:]; return how many there are then."""
    after = 1 if axis == 2 else 0
    k, j = z + (axis == 0), y + (axis == 1)
    one_row, other_row = labels[z, y], labels[k, j, after:]
    one_field, other_field = field[z + 1, y + 1, 1:], field[k + 1, j + 1, 1 + after :]
    sides = ((axis + 1) % 3, (axis + 2) % 3)
    for x in range(labels.shape[2] - after):
        one, other = one_row[x], other_row[x]
        if one == other or one < 0 or other < 0:
            continue
        width = min(one_field[x], other_field[x])
        if not _is_lower(field, labels, (z, y, x), (k, j, x + after), sides, width):
            found[count, 0], found[count, 1], found[count, 2] = one, other, width
            count += 1
    return count


@jit
def find_throats(field, labels, first, last):
    """Return throats (n, 3), two labels and the squared radius, that begin in planes first ... last - 1.

    Between two summits only the local widest are kept.
    """
    size_z, size_y, size_x = labels.shape
    found = np.empty((1024, 3), np.int32)
    count = 0
    for z in range(first, last):
        for y in range(size_y):
            if count + 3 * size_x > found.shape[0]:
                more = np.empty((2 * found.shape[0] + 3 * size_x, 3), np.int32)
                more[:count] = found[:count]
                found = more
            count = _cross(field, labels, z, y, 2, found, count)
            if y + 1 < size_y:
                count = _cross(field, labels, z, y, 1, found, count)
            if z + 1 < size_z:
                count = _cross(field, labels, z, y, 0, found, count)
    return found[:count].copy()


@inner
def _root(parents, node):
    while parents[node] != node:
        parents[node] = parents[parents[node]]
        node = parents[node]
    return node


@jit
def span(throats, order, summits):
    """Return which throats, taken in `order` (widest first), join summits that none before has joined (Kruskal)."""
    parents = np.arange(summits)
    chosen = np.zeros(len(order), np.bool_)
    for i in range(len(order)):
        a, b = _root(parents, throats[order[i], 0]), _root(parents, throats[order[i], 1])
        if a != b:
            parents[max(a, b)] = min(a, b)
            chosen[order[i]] = True
    return chosen


@jit
def root_forest(throats, summits):
    """Return (order, parents, widths) of a forest: each summit after its parent; a root is its own parent."""
    starts = np.zeros(summits + 1, np.int64)
    for i in range(throats.shape[0]):
        starts[throats[i, 0] + 1] += 1
        starts[throats[i, 1] + 1] += 1
    for node in range(summits):
        starts[node + 1] += starts[node]
    ends = np.empty((2 * throats.shape[0], 2), np.int32)
    filled = starts[:-1].copy()
    for i in range(throats.shape[0]):
        a, b = throats[i, 0], throats[i, 1]
        ends[filled[a], 0], ends[filled[a], 1] = b, throats[i, 2]
        ends[filled[b], 0], ends[filled[b], 1] = a, throats[i, 2]
        filled[a] += 1
        filled[b] += 1
    order, parents, widths = np.empty(summits, np.int32), np.full(summits, -1, np.int32), np.zeros(summits, np.int32)
    done = 0
    for root in range(summits):
        if parents[root] >= 0:
            continue
        parents[root], order[done] = root, root
        look = done
        done += 1
        while look < done:
            node = order[look]
            look += 1
            for k in range(starts[node], starts[node + 1]):
                if parents[ends[k, 0]] < 0:
                    parents[ends[k, 0]], widths[ends[k, 0]], order[done] = node, ends[k, 1], ends[k, 0]
                    done += 1
    return order, parents, widths


@jit
def spread(levels, order, parents, widths):
    """Raise levels (summits) in place to the widest way from any summit with a level: up the forest, and down."""
    for i in range(len(order) - 1, -1, -1):
        node = order[i]
        levels[parents[node]] = max(levels[parents[node]], min(levels[node], widths[node]))
    for i in range(len(order)):
        node = order[i]
        levels[node] = max(levels[node], min(levels[parents[node]], widths[node]))


@jit
def flood_planes(field, labels, levels, flooded, first, last):
    """Set planes first ... last - 1 of the padded map `flooded` to the lower of `field` and the summit's level."""
    for z in range(first, last):
        for y in range(labels.shape[1]):
            source, named, target = field[z + 1, y + 1], labels[z, y], flooded[z + 1, y + 1]
            for x in range(labels.shape[2]):
                if named[x] >= 0:
                    target[x + 1] = min(np.int64(source[x + 1]), np.int64(levels[named[x]]))
