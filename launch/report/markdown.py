"""A report as Markdown, with its figures as files beside it."""

from collections.abc import Iterable

from launch.report.blocks import Block, Heading, Picture, Table, Text


def markdown(blocks: Iterable[Block], figures: str = "figures", level: int = 0) -> str:
    """The text of a report.

    Args:
        blocks: what it consists of.
        figures: folder of the figures, relative to the file.
        level: by how much headings are lowered.
    """
    parts = []
    for block in blocks:
        match block:
            case Heading():
                parts.append(f"{'#' * (block.level + level)} {plain(block.text)}")
            case Text():
                parts.append(plain(block.text))
            case Table():
                parts.append(f"{plain(block.caption)}\n\n{table(block)}")
            case Picture():
                parts.append(f"![{block.name}]({figures}/{block.name}.svg)\n\n{plain(block.caption)}")
    return "\n\n".join(parts) + "\n"


def table(block: Table) -> str:
    """An aligned Markdown table: words flush left, numbers flush right."""
    lines = [[plain(cell) for cell in line] for line in (block.head, *block.rows)]
    widths = [max(3, *(len(line[i]) for line in lines)) for i in range(len(block.head))]
    rule = ["-" * width if i < block.texts else "-" * (width - 1) + ":" for i, width in enumerate(widths)]
    padded = [
        [cell.ljust(width) if i < block.texts else cell.rjust(width)
         for i, (cell, width) in enumerate(zip(line, widths, strict=True))]
        for line in lines
    ]  # fmt: skip
    return "\n".join(f"| {' | '.join(line)} |" for line in (padded[0], rule, *padded[1:]))


def plain(text: str) -> str:
    """The text without what Markdown would take for its own."""
    for sign in ("\\", "|", "<", "*"):
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())
