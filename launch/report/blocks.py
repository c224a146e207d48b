"""What a report is made of, whatever it is written as."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 is the report's own."""

    level: int
    text: str


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Table:
    """A table with a line above it; numbers are texts already."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    texts: int = 1
    """Leading columns that hold words and are set flush left."""


@dataclass(frozen=True)
class Picture:
    """A figure: a file beside the report."""

    name: str
    """Its file is figures/<name>.svg."""
    caption: str
    svg: str


Block = Heading | Text | Table | Picture


def without_empty_columns(table: Table, keep: Sequence[str]) -> Table:
    """The table without columns that no row has anything in, except those to keep."""
    kept = [i for i, head in enumerate(table.head) if head in keep or any(row[i] for row in table.rows)]
    rows = tuple(tuple(row[i] for i in kept) for row in table.rows)
    return Table(table.caption, tuple(table.head[i] for i in kept), rows, table.texts)
