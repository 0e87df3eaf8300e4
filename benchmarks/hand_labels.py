"""Labels of two real scans, drawn by hand: one section of each to judge a segmentation by, and one to train with.

Drawn by looking at the grey values of a section, before any segmentation of it. Outlines follow the edges as the eye
sees them; what the eye could not decide was left out. Points are (x, y) in voxels, circles (x, y, radius).
"""

from dataclasses import dataclass

import numpy as np

UNLABELLED = 0
Points = tuple[tuple[float, float], ...]
Circle = tuple[float, float, float]


@dataclass(frozen=True)
class Drawing:
    """What was drawn on section `z`: outlines and circles of the dark phase (label 1) and the bright one (label 2).

    Circles come after outlines. Around the first `rings` dark circles, a ring one to three voxels outside is bright.
    """

    z: int
    dark: tuple[Points, ...] = ()
    bright: tuple[Points, ...] = ()
    dark_circles: tuple[Circle, ...] = ()
    rings: int = 0

    def draw(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return labels (z, y, x), uint8: 0 where nothing was drawn."""
        labels = np.zeros(shape, np.uint8)
        section = labels[self.z]
        for label, outlines in ((1, self.dark), (2, self.bright)):
            for outline in outlines:
                section[inside(outline, section.shape)] = label
        y, x = np.indices(section.shape)
        for number, (a, b, radius) in enumerate(self.dark_circles):
            away = np.hypot(x - a, y - b)
            if number < self.rings:
                section[(away > radius + 1) & (away < radius + 3)] = 2
            section[away < radius] = 1
        return labels


def inside(outline: Points, shape: tuple[int, ...]) -> np.ndarray:
    """Return True within a closed outline (y, x)."""
    from matplotlib.path import Path

    y, x = np.indices(shape)
    return Path(outline, closed=False).contains_points(np.stack([x.ravel(), y.ravel()], 1), radius=0.01).reshape(shape)


def box(x_first: int, x_last: int, y_first: int, y_last: int) -> Points:
    """Return the outline of a rectangle."""
    left, right, top, bottom = x_first - 0.4, x_last + 0.4, y_first - 0.4, y_last + 0.4
    return (left, top), (right, top), (right, bottom), (left, bottom)


# fmt: off
SNOW_JUDGED = Drawing(
    z=30,
    bright=(
        ((0, 4), (4, 4), (8, 7), (12, 10), (15, 13), (17, 16), (17, 19), (14, 23), (12, 26), (5, 25), (0, 22)),
        ((21, 3), (23, 1), (25, 4), (25, 9), (23, 12), (21, 15), (18, 12), (18, 7)),
        ((30, 7), (36, 8), (38, 13), (39, 20), (38, 27), (36, 29), (33, 26), (31, 18), (29, 12)),
        ((40, 11), (43, 8), (46, 11), (46, 15), (43, 17), (41, 16)),
        ((39, 29), (42, 23), (47, 18), (50, 18), (49, 22), (46, 27), (44, 30), (41, 31)),
        ((54, 12), (57, 11), (60, 14), (60, 24), (58, 26), (55, 22), (54, 17)),
        ((66, 7), (69, 6), (72, 11), (75, 15), (76, 19), (72, 21), (67, 20), (64, 17)),
        ((64, 23), (68, 22), (72, 24), (72, 28), (68, 30), (65, 29), (63, 26)),
        ((81, 16), (86, 15), (92, 17), (94, 19), (90, 20), (84, 21), (81, 19)),
        ((99, 22), (99, 34), (95, 38), (90, 37), (86, 33), (87, 29), (93, 24)),
        ((12, 31), (18, 29), (22, 28), (24, 30), (24, 38), (22, 45), (20, 49), (15, 49), (9, 46), (10, 42), (12, 37)),
        ((53, 27), (57, 28), (58, 31), (56, 37), (53, 42), (51, 43), (49, 39), (47, 34), (48, 31)),
        ((56, 43), (61, 43), (66, 47), (66, 52), (60, 53), (55, 52), (54, 48)),
        ((0, 61), (11, 61), (15, 62), (20, 62), (18, 70), (12, 70), (8, 71), (0, 71)),
        ((22, 56), (26, 57), (33, 62), (38, 64), (40, 68), (39, 72), (41, 75), (38, 78), (26, 78), (24, 75), (27, 71),
         (25, 66)),
        ((3, 80), (8, 78), (15, 79), (24, 80), (27, 83), (27, 90), (18, 90), (7, 89), (5, 85)),
        ((31, 82), (44, 81), (47, 87), (49, 92), (46, 97), (36, 98), (33, 93), (30, 88)),
        ((88, 50), (92, 47), (95, 50), (97, 55), (99, 57), (92, 61), (88, 65), (84, 65), (83, 60), (85, 55)),
        ((62, 70), (68, 66), (75, 69), (79, 68), (79, 73), (72, 77), (68, 80), (66, 84), (62, 78), (60, 73)),
        ((70, 83), (75, 82), (79, 88), (80, 93), (77, 95), (73, 92)),
    ),
    dark=(
        ((82, 69), (94, 68), (94, 78), (86, 82), (80, 80), (80, 76)),
        ((47, 71), (50, 73), (57, 75), (58, 78), (52, 78), (46, 76)),
        ((1, 47), (7, 49), (14, 52), (3, 52)),
        ((61, 32), (70, 33), (71, 38), (64, 38), (59, 38), (60, 34)),
        ((75, 24), (79, 23), (80, 28), (75, 28)),
        ((81, 36), (84, 38), (87, 42), (86, 46), (80, 43)),
        ((8, 3), (16, 4), (16, 8), (13, 8)),
        ((48, 10), (52, 9), (52, 15), (48, 15)),
        ((15, 94), (27, 94), (31, 98), (15, 98)),
        ((52, 61), (58, 60), (59, 65), (57, 66)),
        ((22, 66), (23.5, 68), (24, 71), (22, 71)),
        ((50, 88), (54, 91), (57, 93), (52, 93)),
        box(62, 62, 10, 20), box(29, 29, 82, 85), box(81, 81, 57, 64),  # narrow gaps
    ),
)
SNOW_TRAINED = Drawing(
    z=70,
    bright=(
        box(3, 8, 5, 11), box(20, 32, 3, 6), box(38, 42, 12, 17), box(35, 40, 26, 32), box(19, 24, 28, 36),
        box(2, 9, 48, 60), box(51, 56, 39, 43), box(72, 80, 31, 36), box(82, 90, 64, 70), box(41, 46, 80, 90),
        box(58, 67, 58, 62), box(28, 34, 66, 76), box(60, 75, 94, 98), box(70, 78, 20, 22),
    ),
    dark=(
        box(36, 39, 1, 5), box(24, 29, 18, 22), box(47, 51, 30, 33), box(43, 46, 40, 44),
        box(88, 97, 18, 21), box(82, 86, 9, 11), box(74, 80, 53, 56), box(29, 34, 89, 91), box(89, 94, 80, 82),
        box(12, 15, 74, 78), box(36, 36, 0, 8), box(61, 66, 22, 24),
        box(16, 16, 25, 28), box(32, 33, 44, 48), box(51, 51, 5, 6),  # narrow gaps
    ),
)
CEMENT_JUDGED = Drawing(
    z=40,
    bright=(
        box(61, 73, 110, 122), box(43, 52, 105, 111), box(1, 12, 17, 36), box(106, 119, 34, 43), box(88, 100, 101, 111),
        box(59, 71, 73, 83), box(36, 49, 71, 80), box(80, 90, 24, 31), box(30, 45, 84, 92), box(2, 14, 62, 72),
    ),
    dark_circles=(
        (20.5, 37, 5), (56, 37, 5.5), (82.5, 116, 4), (10.5, 122.5, 4), (96, 33.5, 3), (103, 49.5, 3.5),
        (53, 18, 4.5), (63.5, 20.5, 3), (67, 41.5, 4.5), (79, 40.5, 4.5), (69, 3, 3), (88, 5.5, 3), (111, 4.5, 2.5),
        (100, 4.5, 2.5), (89.5, 70, 13), (107, 65, 4.5), (122, 73.5, 5), (32, 65, 4), (35.5, 99.5, 4.5), (17, 104.5, 3),
        (64.5, 91.5, 4), (17.5, 88, 2.5), (107, 102, 3.5),
    ),
    rings=6,
)
CEMENT_TRAINED = Drawing(
    z=90,
    bright=(
        box(20, 34, 22, 30), box(57, 66, 44, 52), box(60, 74, 93, 101), box(106, 118, 84, 92), box(12, 28, 108, 116),
        box(70, 80, 10, 18), box(24, 34, 44, 54), box(88, 100, 112, 122),
    ),
    dark_circles=(
        (92.5, 41, 9.5), (42.5, 20.5, 4), (12.5, 63, 4), (42.5, 68, 3.5), (106, 105, 3.5), (112, 12, 3), (47, 2.5, 3),
    ),
    rings=5,
)
# fmt: on
