"""How figures are shown: medians with quartiles, the machine they come from, and their place in the documentation."""

import contextlib
import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median, quantiles
from typing import Final

import psutil
import torch

DOCUMENT: Final = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def spread(values: Sequence[float], digits: int) -> str:
    """Median (lower to upper quartile)."""
    low, _, high = quantiles(values, n=4, method="inclusive")
    return f"{median(values):.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def processor() -> str:
    """Name of the CPU."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":")[1].strip()
    return platform.processor() or platform.machine()


def machine(packages: Sequence[str]) -> str:
    """Processor, threads, memory, GPU, load and versions, in one sentence."""
    cores = len(os.sched_getaffinity(0))
    parts = [f"{cores} cores of {processor()}"]
    parts.append(f"torch threads: {torch.get_num_threads()}")
    parts.append(f"{psutil.virtual_memory().total / 2**30:.0f} GiB")
    parts.append(torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU")
    parts.append(f"load {os.getloadavg()[1]:.1f} over the last 5 minutes")
    versions = [f"Python {platform.python_version()}", *filter(None, map(_version, packages))]
    return f"{', '.join(parts)}; {', '.join(versions)}."


def write(name: str, text: str, document: Path = DOCUMENT) -> None:
    """Put text between the document's markers of a name.

    Raises: ValueError if the document has no such markers.
    """
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->\n"
    before, found, rest = document.read_text("utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{document} has no markers {begin.strip()} and {end.strip()}")
    document.write_text(f"{before}{begin}{text}{end}{after}", "utf-8")


def _version(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return ""
