"""A sheet of panels of different kinds: images and charts, placed in inches."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.ticker import MaxNLocator

from viewers.style import MUTED, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Sheet", "dress_chart"]


@dataclass(frozen=True)
class Sheet:
    """A figure whose panels are placed from its upper left corner.

    Attributes
    ----------
    figure : Figure
        The figure.
    width, height : float
        Its size in inches.
    """

    figure: "Figure"
    width: float
    height: float

    @classmethod
    def make(cls, width: float, height: float) -> "Sheet":
        """Return an empty sheet of so many inches."""
        return cls(new_figure(width, height), width, height)

    def panel(self, left: float, top: float, width: float, height: float) -> "Axes":
        """Return empty axes."""
        bottom = self.height - top - height
        box = left / self.width, bottom / self.height, width / self.width, height / self.height
        return self.figure.add_axes(box)

    def heading(self, place: tuple[float, float], title: str, text: str) -> None:
        """Write the heading of a row of panels, and in grey what it shows, from (left, top) on."""
        left, top = place[0], place[1] + 0.2  # of the line that the letters stand on
        head = self.figure.text(
            left / self.width, 1 - top / self.height, title, fontsize=10.5, fontweight="bold", va="baseline"
        )
        right = head.get_window_extent().x1 / self.figure.dpi
        self.figure.text(
            (right + 0.15) / self.width, 1 - top / self.height, text, fontsize=9, color=MUTED, va="baseline"
        )


def dress_chart(axes: "Axes", across: str, up: str, *, ticks: int = 4) -> None:
    """Set labels, grid and round ticks of a chart."""
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.xaxis.set_major_locator(MaxNLocator(ticks, steps=[1, 2, 2.5, 5, 10]))
