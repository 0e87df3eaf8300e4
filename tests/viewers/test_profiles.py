import numpy as np
import pytest
from matplotlib.text import Text

from viewers import draw_correlation_histogram, draw_strain_profile
from volcorr.fields import Status, valid_points
from volio import InputError


def texts(figure):
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def test_lines_are_the_means_of_the_layers(fields):
    lines = {line.get_label()[:18]: line for line in draw_strain_profile(fields).axes[0].lines}
    for name in ("zz", "yy", "xx"):
        line = lines[f"$\\varepsilon_{{{name}}}$"]
        np.testing.assert_allclose(line.get_xdata(), 100 * fields[f"e_{name}"].mean(("y", "x")))
        np.testing.assert_allclose(line.get_ydata(), fields["z"])


def test_the_band_holds_the_middle_eighty_percent(fields):
    band = draw_strain_profile(fields).axes[0].collections[0].get_paths()[0].vertices
    for z, layer in zip(fields["z"].to_numpy(), fields["e_zz"].to_numpy(), strict=True):
        here = band[band[:, 1] == z, 0]
        expected = 100 * np.nanpercentile(layer, [10, 90])
        assert [here.min(), here.max()] == pytest.approx(list(expected))


def test_bars_count_the_valid_points_of_each_layer(fields):
    bars = draw_strain_profile(fields).axes[1].patches
    assert [bar.get_width() for bar in bars] == list(valid_points(fields).sum(axis=(1, 2)))


def test_layers_without_points_leave_a_gap(fields):
    lost = fields["status"].copy()
    lost[2] = Status.LOW_CORRELATION
    line = draw_strain_profile(fields.assign(status=lost)).axes[0].lines[1]
    np.testing.assert_array_equal(np.isnan(line.get_xdata()), np.arange(fields.sizes["z"]) == 2)


def test_a_single_layer_is_drawn(make_fields):
    figure = draw_strain_profile(make_fields((21, 64, 64)))
    figure.canvas.draw()
    assert len(figure.axes[0].lines[1].get_xdata()) == 1


def test_a_field_without_strain_is_refused(make_fields):
    with pytest.raises(InputError, match=r"compute it first with volcorr\.strain"):
        draw_strain_profile(make_fields(with_strain=False))


def test_a_profile_without_valid_points_says_so(nothing_valid):
    assert "no valid point" in texts(draw_strain_profile(nothing_valid))


def test_the_histogram_counts_valid_and_invalid_points(fields):
    whole, zoom = draw_correlation_histogram(fields).axes
    cc, valid = fields["cc"].to_numpy(), valid_points(fields)
    counted = {}
    for label, bars in zip(("valid", "invalid"), whole.containers, strict=True):
        counted[label] = sum(bar.get_height() for bar in bars)
    assert counted["valid"] == valid.sum()
    assert counted["invalid"] == (np.isfinite(cc) & ~valid).sum() > 0
    below = int((cc[valid] < zoom.get_xlim()[0]).sum())
    assert sum(bar.get_height() for bar in zoom.patches) == valid.sum() - below
    assert zoom.lines[0].get_xdata()[0] == np.median(cc[valid])
    notes = zoom.texts[0].get_text()
    assert f"{valid.sum()} of {cc.size} points" in notes
    assert f"{np.isnan(cc).sum()} never correlated" in notes


def test_a_histogram_of_perfect_correlation_is_drawn(make_fields):
    fields = make_fields(masked=False)
    figure = draw_correlation_histogram(fields.assign(cc=fields["cc"] * 0 + 1))
    figure.canvas.draw()
    assert sum(bar.get_height() for bar in figure.axes[1].patches) == fields["cc"].size


def test_a_histogram_of_nothing_says_so(nothing_valid):
    assert "no valid point" in texts(draw_correlation_histogram(nothing_valid))
    never = nothing_valid.assign(cc=nothing_valid["cc"] * np.nan)
    assert "no point was correlated" in texts(draw_correlation_histogram(never))
