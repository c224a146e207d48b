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


def milliseconds_of(result: Result) -> float | None:
    """Median of a run's readings without the first one, which warms up, if there are more."""
    readings = [value for _, value in sorted(result.milliseconds.items())]
    return median(readings[1:] or readings) if readings else None


def memory_of(result: Result) -> float | None:
    """The most that any start of the run took, in MiB."""
    return result.memory


def costs(methods: Sequence[Method]) -> list[Cost]:
    """By method and device; methods without a reading are left out."""
    found = []
    for method in methods:
        for device in dict.fromkeys(machine(result) for result in method.results):
            runs = [result for result in method.results if machine(result) == device]
            times = [value for value in map(milliseconds_of, runs) if value is not None]
            sizes = [value for value in map(memory_of, runs) if value is not None]
            if times or sizes:
                time, size = median(times) if times else None, median(sizes) if sizes else None
                found.append(Cost(method.label, device, len(runs), time, size))
    return found


def machine(result: Result) -> str:
    """Device and number of ranks: 4 x NVIDIA H100."""
    device, ranks = result.tags.get("device", "unknown device"), result.tags.get("ranks", "1")
    return device if ranks == "1" else f"{ranks} x {device}"
