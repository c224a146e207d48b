"""The tables of a report as LaTeX (booktabs), to be \\input into a paper."""

from collections.abc import Iterable
from typing import Final

from launch.report.blocks import Block, Table

SIGNS: Final = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"$<$", ">": r"$\to$", "±": r"$\pm$", "−": r"$-$",
}  # fmt: skip
"""What LaTeX would take for its own, and what it has no letter for; > is the arrow between two domains."""


def latex(blocks: Iterable[Block]) -> str:
    """Every table as a table environment of its own; \\usepackage{booktabs} is all that it needs."""
    tables = [block for block in blocks if isinstance(block, Table)]
    return "% needs \\usepackage{booktabs}\n" + "\n".join(map(environment, tables))


def environment(table: Table) -> str:
    """One table."""
    shape = "l" * table.texts + "r" * (len(table.head) - table.texts)
    lines = [
        r"\begin{table}", r"\centering", rf"\caption{{{escaped(table.caption)}}}", rf"\begin{{tabular}}{{{shape}}}",
        r"\toprule", line(table.head), r"\midrule", *map(line, table.rows), r"\bottomrule",
        r"\end{tabular}", r"\end{table}", "",
    ]  # fmt: skip
    return "\n".join(lines)


def line(cells: Iterable[str]) -> str:
    """One line of a table."""
    return " & ".join(map(escaped, cells)) + r" \\"


def escaped(text: str) -> str:
    """The text as LaTeX shows it."""
    return "".join(SIGNS.get(sign, sign) for sign in text)
