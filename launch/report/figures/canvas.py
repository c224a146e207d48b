"""Sheets to draw on, alike in type and colour, and what they are written as."""

import io
from typing import TYPE_CHECKING, Any, Final

from launch.report.blocks import Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#8C6D31")
"""Okabe and Ito's palette: told apart by colour-blind readers, and in grey by the markers."""
MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X", "*")
LINES: Final = ("-", "--", ":", "-.")
INK: Final = "#30343a"
LOOK: Final[Any] = {
    "font.size": 10.5,
    "axes.titlesize": 11,
    "axes.labelsize": 10.5,
    "axes.edgecolor": "#8a9099",
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e7eb",
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "svg.hashsalt": "report",
}


def look() -> Any:
    """Context in which a figure is made: its fonts and colours, which nobody else sees."""
    import matplotlib

    return matplotlib.rc_context(LOOK)


def sheet(width: float, height: float, rows: int = 1, columns: int = 1, **how: Any) -> "tuple[Figure, list[Axes]]":
    """A figure (inches) and its axes, row by row; pyplot and its global state stay out."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasSVG(figure)
    return figure, list(figure.subplots(rows, columns, squeeze=False, **how).flat)


def picture(figure: "Figure", name: str, caption: str) -> Picture:
    """The finished figure; the same figure is the same text."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return Picture(name, caption, text.getvalue())


def colour(index: int) -> str:
    """Of the method with this number."""
    return COLOURS[index % len(COLOURS)]


def marker(index: int) -> str:
    """Of the method with this number; where colours come again, markers are others."""
    return MARKERS[(index + index // len(COLOURS)) % len(MARKERS)]


def line(index: int) -> str:
    """Of the method with this number: solid for the first eight."""
    return LINES[index // len(COLOURS) % len(LINES)]


def slug(*parts: str) -> str:
    """A file name of these parts."""
    return "_".join("".join(sign if sign.isalnum() else "_" for sign in part.lower()) for part in parts)
