"""Time of a step and peak memory of every method (figure 8 of the reference report)."""

from collections.abc import Sequence

from launch.report.blocks import Block, Text
from launch.report.cost import Cost, costs
from launch.report.figures.canvas import colour, look, picture, sheet, slug
from launch.report.table import Method


def cost_bars(dataset: str, methods: Sequence[Method]) -> Block:
    """Two panels of bars, a colour a device."""
    found = costs(methods)
    if not found:
        return Text("Costs are not drawn: no run has recorded them.")
    devices = list(dict.fromkeys(cost.device for cost in found))
    with look():
        figure, (times, sizes) = sheet(8.5, 1.4 + 0.42 * len(found), 1, 2, sharey=True)
        for axes, values, unit in (
            (times, [cost.milliseconds for cost in found], "ms a step"),
            (sizes, [cost.memory for cost in found], "peak memory (MiB)"),
        ):
            colours = [colour(devices.index(cost.device)) for cost in found]
            bars = axes.barh(range(len(found)), [value or 0.0 for value in values], color=colours, height=0.62)
            axes.bar_label(
                bars, ["" if value is None else f"{value:,.0f}" for value in values], padding=3, fontsize=9.5
            )
            axes.set_xlabel(unit)
            axes.margins(x=0.18)
            axes.grid(visible=False, axis="y")
        times.set_yticks(range(len(found)), [name(cost, devices) for cost in found])
        times.invert_yaxis()
        where = f" on {devices[0]}" if len(devices) == 1 else "; colours: devices"
        return picture(figure, slug("cost", dataset), f"{dataset}: cost of a training step{where}.")


def name(cost: Cost, devices: Sequence[str]) -> str:
    """The method, and the device where there are several."""
    return cost.method if len(devices) == 1 else f"{cost.method}\n{cost.device}"
