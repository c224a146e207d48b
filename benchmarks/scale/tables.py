"""The figures as Markdown."""

from collections.abc import Iterable, Sequence
from statistics import median

import numpy as np

from benchmarks.scale.collectives import KINDS
from benchmarks.scale.measure import Figures
from benchmarks.scale.rows import DDP, ONE

MIB = 2**20


def table(titles: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Markdown."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (titles, ["---"] * len(titles), *lines))


def spread(values: Sequence[float], digits: int) -> str:
    """Median, and the smallest and largest in brackets."""
    return f"{median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def amount(size: float) -> str:
    """Bytes in the unit that fits."""
    if size == 0:
        return "0"
    return f"{size / MIB:.1f} MiB" if size >= MIB / 10 else f"{size / 1024:.1f} KiB" if size >= 100 else f"{size:.0f} B"


def speed_table(found: list[Figures], why_not_sent: str) -> str:
    """Speed, CPU time, bytes and memory of every row.

    Args:
        found: all rows.
        why_not_sent: what stands in the last column but one where nothing could be counted there.
    """
    titles = [
        "ranks", "how", "n", "steps/s", "times one process", "CPU s a step, all ranks",
        *(f"{kind} handed over" for kind in KINDS), "left a rank", "memory of a rank",
    ]  # fmt: skip
    return table(titles, (speed_line(figures, why_not_sent) for figures in found))


def speed_line(figures: Figures, why_not_sent: str) -> list[str]:
    """One row."""
    samples = figures.samples
    sent = [sample.sent for sample in samples if sample.sent is not None]
    return [
        str(figures.row.ranks),
        figures.row.title,
        str(len(samples)),
        spread([1 / sample.seconds for sample in samples], 2),
        spread([sample.ratio for sample in samples], 2) if figures.row != ONE else "1",
        spread([sample.cpu for sample in samples], 2),
        *(amount(figures.sizes[kind]) for kind in KINDS),
        amount(median(sent)) if sent else why_not_sent,
        amount(figures.memory),
    ]


def accuracy_table(found: list[Figures]) -> str:
    """How far rows that begin alike are apart."""
    lines = []
    for figures in found:
        for title, other in compared(figures, found):
            first, last = (abs(figures.losses[k] / other.losses[k] - 1) for k in (0, -1))
            gap = gradient_gap(figures, other)
            lines.append([str(figures.row.ranks), figures.row.title, title, gap, f"{first:.1e}", f"{last:.1e}"])
    steps = len(found[0].losses)
    return table(["ranks", "how", "against", "first gradient", "loss of step 1", f"loss of step {steps}"], lines)


def compared(figures: Figures, found: list[Figures]) -> list[tuple[str, Figures]]:
    """What a row is compared with: plain DDP with one process, the others with plain DDP on as many ranks."""
    row = figures.row
    if row == ONE:
        return []
    plain = [other for other in found if other.row.ranks == row.ranks and other.row.title == DDP]
    if row.title == DDP or not row.sync_bn or not plain:
        return [(ONE.title, found[0])]
    return [(f"DDP on {row.ranks} ranks", plain[0])]


def gradient_gap(figures: Figures, other: Figures) -> str:
    """Length of the difference over the length of the gradient."""
    if figures.gradient is None or other.gradient is None:
        return "not kept"
    return f"{np.linalg.norm(figures.gradient - other.gradient) / np.linalg.norm(other.gradient):.1e}"


def overlap_table(found: list[Figures]) -> str:
    """Whether all-reduces of gradients happen during the backward, and what that saves."""
    titles = [
        "ranks", "how", "all-reduces of gradients", "started before the backward ended", "their time, ms",
        "of it during the backward, ms", "step time over that with one all-reduce after the backward",
    ]  # fmt: skip
    lines = []
    for figures in found:
        if figures.travel is not None:
            seen, ratios = figures.travel, [s.late_ratio for s in figures.samples if s.late_ratio is not None]
            saved = spread(ratios, 2) if ratios else "–"
            counts = [str(number) for number in (figures.row.ranks, seen.count, seen.early)]
            lines.append([counts[0], figures.row.title, *counts[1:], f"{seen.busy:.0f}", f"{seen.hidden:.0f}", saved])
    return table(titles, lines)
