"""What the methods cost: time of a step and memory, on each device."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from launch.report.results import Result
from launch.report.table import Method


@dataclass(frozen=True)
class Cost:
    """One method on one device; medians over its runs."""

    method: str
    device: str
    runs: int
    milliseconds: float | None
    memory: float | None
    """MiB."""


def costs(methods: Sequence[Method]) -> list[Cost]:
    """By method and device; methods without a reading are left out."""
    found = []
    for method in methods:
        for device in dict.fromkeys(machine(result) for result in method.results):
            runs = [result for result in method.results if machine(result) == device]
            times = [value for value in (run.milliseconds for run in runs) if value is not None]
            sizes = [value for value in (run.memory for run in runs) if value is not None]
            if times or sizes:
                time, size = median(times) if times else None, median(sizes) if sizes else None
                found.append(Cost(method.label, device, len(runs), time, size))
    return found


def machine(result: Result) -> str:
    """Device and number of ranks: 4 x NVIDIA H100."""
    device, ranks = result.tags.get("device", "unknown device"), result.tags.get("ranks", "1")
    return device if ranks == "1" else f"{ranks} x {device}"
