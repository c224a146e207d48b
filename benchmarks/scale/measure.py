"""Takes the figures: the rows of one number of ranks live side by side and work in turn, a short chunk each round."""

import sys
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np

from benchmarks.scale import network
from benchmarks.scale.collectives import KINDS
from benchmarks.scale.launch import Launch, context, has_deepspeed
from benchmarks.scale.overlap import Overlap
from benchmarks.scale.rank import Beginning, Chunk
from benchmarks.scale.rows import DDP, LATE, ONE, Load, Row, rows

BEGINNING = 5
"""Steps whose losses are compared between the rows."""


@dataclass
class Sample:
    """One row in one round, a step."""

    seconds: float
    """Of the slowest rank."""
    cpu: float
    """CPU seconds of all ranks."""
    sent: float | None
    """Bytes that left a rank, on average over ranks; None where they could not be counted."""
    ratio: float = 1.0
    """Speed against one process in the same round."""
    late_ratio: float | None = None
    """Of the DDP row: its time over that of the row without overlap in the same round."""


@dataclass
class Figures:
    """All that is known of a row."""

    row: Row
    losses: list[float]
    gradient: "np.ndarray[tuple[int], np.dtype[np.float32]] | None"
    sizes: dict[str, float]
    """Bytes handed to collectives in a step, by kind, on average over the ranks."""
    travel: Overlap | None
    """None but for the two rows whose all-reduces are compared."""
    samples: list[Sample] = field(default_factory=list)
    memory: int = 0
    """Bytes, of the rank that took most."""


@dataclass
class Pair:
    """A living launch and what it has given so far."""

    launch: Launch
    figures: Figures


def measure(load: Load, counts: list[int], rounds: int, steps: int) -> list[Figures]:
    """The figures of all rows.

    Args:
        load: what they train.
        counts: numbers of ranks, 1 first.
        rounds: how often each row has its turn.
        steps: of each turn.
    """
    found: list[Figures] = []
    processes = context()
    with ExitStack() as always:
        one = begin(always, Launch(ONE, load, processes))
        for count in counts:
            with ExitStack() as group:
                others = [
                    begin(group, Launch(row, load, processes))
                    for row in rows(count)
                    if row != ONE and (has_deepspeed() or not row.zero)
                ]
                for number in range(rounds):
                    progress(f"{count} ranks, round {number + 1} of {rounds}")
                    one_round(one, others if number % 2 else others[::-1], steps)
                for pair in others:
                    pair.figures.memory = max(pair.launch.order("memory"))
                found += [pair.figures for pair in others]
        one.figures.memory = max(one.launch.order("memory"))
    return [one.figures, *found]


def begin(stack: ExitStack, launch: Launch) -> Pair:
    """Take the figures of a row that need one step only; the stack ends its ranks."""
    stack.callback(launch.close)
    progress(f"{launch.row.ranks} ranks, {launch.row.title}: first steps")
    beginnings: list[Beginning] = launch.order("begin", BEGINNING)
    sizes: list[dict[str, int]] = launch.order("count")
    return Pair(
        launch,
        Figures(
            launch.row,
            beginnings[0].losses,
            beginnings[0].gradient,
            {kind: sum(size[kind] for size in sizes) / len(sizes) for kind in KINDS},
            launch.order("trace")[0] if launch.row.title in (DDP, LATE) else None,
        ),
    )


def one_round(one: Pair, others: list[Pair], steps: int) -> None:
    """A turn for every row, and the ratios within this round."""
    for pair in [one, *others]:
        pair.figures.samples.append(turn(pair.launch, steps))
    for pair in others:
        pair.figures.samples[-1].ratio = one.figures.samples[-1].seconds / pair.figures.samples[-1].seconds
    named = {pair.figures.row.title: pair.figures.samples[-1] for pair in others}
    if DDP in named:
        named[DDP].late_ratio = named[DDP].seconds / named[LATE].seconds


def turn(launch: Launch, steps: int) -> Sample:
    """Some steps of one row while the others wait."""
    before = network.sent()
    chunks: list[Chunk] = launch.order("run", steps)
    after = network.sent()
    size = None if before is None or after is None else (after - before) / len(chunks) / (steps + 1)
    return Sample(max(c.seconds for c in chunks) / steps, sum(c.cpu for c in chunks) / steps, size)


def progress(text: str) -> None:
    """What is going on, for whoever waits."""
    print(text, file=sys.stderr, flush=True)
