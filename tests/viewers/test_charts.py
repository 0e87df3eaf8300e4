import pytest

from viewers.charts import PHASE_COLOURS, foot_of, lay_out_charts, length_name, mark_steps, phase_colours, step_colours


def test_charts_stand_apart_and_inside_of_the_figure() -> None:
    figure, charts = lay_out_charts("Title", ["a note"] * 30, rows=2, columns=3, above=0.4, foot=0.3)
    boxes = [axes.get_position() for axes in charts]
    assert len(boxes) == 6
    assert all(0 < box.x0 < box.x1 < 1 and 0 < box.y0 < box.y1 < 1 for box in boxes)
    for number, one in enumerate(boxes):
        assert not any(one.overlaps(other) for other in boxes[number + 1 :])
    assert boxes[0].y0 > boxes[3].y1
    assert figure.get_size_inches()[0] == pytest.approx(8.4)


def test_colours_are_one_for_each() -> None:
    assert len(set(step_colours(9))) == 9
    assert step_colours(1) == ["#0072b2"]
    assert phase_colours([3, 7]) == {3: PHASE_COLOURS[0], 7: PHASE_COLOURS[1]}
    assert [length_name(unit) for unit in ("um", "voxel")] == ["µm", "voxels"]


@pytest.mark.parametrize(
    ("names", "slanted", "shown"),
    [
        (["a", "b", "c"], False, ["a", "b", "c"]),
        (["a_rather_long_name_of_a_scan", "b"], False, ["a_rather_lon…f_a_scan", "b"]),
        ([f"a_rather_long_name_{n}" for n in range(5)], True, [f"a_rather_long_name_{n}" for n in range(5)]),
    ],
)
def test_steps_are_named(names, slanted: bool, shown) -> None:
    _, (axes,) = lay_out_charts("Title", [], columns=1, foot=foot_of(names))
    mark_steps(axes, names)
    labels = axes.get_xticklabels()
    assert [label.get_text() for label in labels] == shown
    assert bool(labels[0].get_rotation()) == slanted == (foot_of(names) > 0)


def test_of_many_steps_the_numbers_stand_there() -> None:
    names = [f"step {n}" for n in range(30)]
    _, (axes,) = lay_out_charts("Title", [], columns=1, foot=foot_of(names))
    mark_steps(axes, names)
    assert axes.get_xlabel() == "volume, from 0"
    assert foot_of(names) == 0
