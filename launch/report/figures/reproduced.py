"""Published and reproduced accuracies, task by task (figure 9 of the reference report)."""

from collections.abc import Mapping, Sequence

from launch.report.blocks import Block, Text
from launch.report.figures.canvas import INK, colour, look, picture, sheet, slug
from launch.report.published import counterpart
from launch.report.table import Method

RULE = "oracle"
"""The published numbers are chosen so."""


def reproduced(dataset: str, methods: Sequence[Method], tasks: Mapping[str, str]) -> Block:
    """For each method with a published row: a pair of bars a task."""
    pairs = [(method, row) for method in methods if (row := counterpart(dataset, method)) is not None]
    pairs = [(method, row) for method, row in pairs if any(method.by_rule(RULE).cell(task).values for task in tasks)]
    if not pairs:
        return Text("Published and reproduced accuracies are not drawn: no row here has a published counterpart.")
    with look():
        figure, sheets = sheet(9.5, 2.9 * len(pairs), len(pairs), 1, sharex=True)
        for number, (axes, (method, row)) in enumerate(zip(sheets, pairs, strict=True)):
            cells = {place: method.by_rule(RULE).cell(task) for place, task in enumerate(tasks)}
            known = {place: cell for place, cell in cells.items() if cell.values}
            published = [row[column] for column in tasks.values()]
            axes.bar([place - 0.2 for place in cells], published, 0.38, color="#b9bec6", label="published")
            axes.bar(
                [place + 0.2 for place in known], [cell.mean for cell in known.values()], 0.38, color=colour(number),
                yerr=[cell.spread or 0.0 for cell in known.values()], capsize=3, ecolor=INK, label=f"here, {RULE}",
            )  # fmt: skip
            axes.set_title(method.label, loc="left")
            axes.set_ylabel("accuracy (%)")
            axes.set_xticks(range(len(tasks)), list(tasks.values()))
            axes.grid(visible=False, axis="x")
            axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2)
        caption = (
            f"{dataset}: published (Wei et al. 2021) and reproduced accuracy; bars: standard deviation over seeds."
        )
        return picture(figure, slug("reproduced", dataset), caption)
