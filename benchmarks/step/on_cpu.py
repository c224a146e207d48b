"""The tables of a CPU: CPU time of a step beside the reference's, memory, operations, and equality in float64."""

from collections.abc import Sequence
from statistics import median

from benchmarks.step.agreement import Agreement, Difference
from benchmarks.step.case import Case
from benchmarks.step.measure import Measured, interleaved
from benchmarks.step.remote import Failed, Remote
from benchmarks.step.rows import spread, table
from benchmarks.step.variants import HDA, REFERENCE, Variant

HEADS = ("step", "CPU s", "reference / this", "memory MB", "operations", "host waits")


def report(cases: Sequence[tuple[Case, int]], check: Case, variants: Sequence[Variant]) -> str:
    """Timings on each case in so many rounds, then the check of equality."""
    parts = [timings(case, interleaved(case, variants, rounds)) for case, rounds in cases]
    return "\n\n".join([*parts, equality(check, variants)])


def timings(case: Case, rows: Sequence[Measured]) -> str:
    """One table, and the ratios that there are targets for."""
    by_name = {row.variant.name: row for row in rows}
    reference = by_name.get(REFERENCE.name, Measured(REFERENCE))
    count = max((len(row.times) for row in rows), default=0)
    title = f"{case.backbone}, {case.rows} + {case.rows} images of {case.pixels} pixels, {count} rounds"
    lines = [line(row, reference) for row in rows]
    return "\n\n".join([f"**{title}**", table(HEADS, lines), targets(by_name)])


def line(row: Measured, reference: Measured) -> list[str]:
    """One row of the table: medians [quartiles]."""
    if row.failure:
        return [row.variant.title, f"failed: {row.failure}", "", "", "", ""]
    cost = [str(row.cost.operations), str(row.cost.waits)] if row.cost else ["", ""]
    seconds = spread([t / 1000 for t in row.times], 2)
    beside = ratios(reference, row)
    return [row.variant.title, seconds, spread(beside, 2) if beside else "", f"{row.memory / 1e6:.0f}", *cost]


def ratios(one: Measured, other: Measured) -> list[float]:
    """Time of one by time of the other, round by round."""
    whole = not one.failure and not other.failure
    return [a / b for a, b in zip(one.times, other.times, strict=True)] if whole and one.times else []


def targets(rows: dict[str, Measured]) -> str:
    """What was aimed at and what was found; a variant that was not measured has no line."""
    lines = [
        f"- {REFERENCE.name} / {name}: {median(found):.2f} (at least {least})"
        for name, least in (("ours", 1.45), ("bf16", 3.0))
        if REFERENCE.name in rows and name in rows and (found := ratios(rows[REFERENCE.name], rows[name]))
    ]
    ours, hda = rows.get("ours"), rows.get(HDA.name)
    if ours and hda and (found := ratios(ours, hda)):
        memory = ours.memory / hda.memory
        lines.append(f"- ToAlign / HDA: time {spread(found, 3)}, memory {memory:.3f} (both at most 1.03)")
    return "\n".join(lines)


def equality(case: Case, variants: Sequence[Variant]) -> str:
    """The table of differences from the reference in float64."""
    images = f"{case.rows} + {case.rows} images of {case.pixels} pixels"
    title = f"Largest difference from the reference in float64, {case.backbone}, {images}"
    heads = ("step", "losses of 3 steps", "gradients", "running statistics after 3 steps")
    lines = []
    with Remote(case.device, Agreement, case) as remote:
        for variant in variants:
            if variant.exact and variant.profile:
                lines.append([variant.title, *differences(remote, variant)])
    return f"**{title}**\n\n{table(heads, lines)}"


def differences(remote: Remote, variant: Variant) -> list[str]:
    """The cells of one variant."""
    try:
        found: Difference = remote.call("difference", variant)
    except Failed as error:
        return [f"failed: {error}", "", ""]
    return [f"{value:.1e}" for value in (found.losses, found.gradients, found.statistics)]
