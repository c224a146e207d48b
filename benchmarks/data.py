"""Every reader side by side: python -m benchmarks.data [--write]

Draws batches of 36 + 36 views of 224 from 256 pixels as the training loop does, in interleaved rounds, on photographs
of Office-Home's kind and on IconHome, and prints Markdown: images a second, and CPU time an image.
"""

import argparse
import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import torch

from benchmarks import report
from benchmarks.feeds import Cost, Task, dali_is_there, measured
from benchmarks.photographs import DOMAINS, photographs
from trainer.settings import Data

ICON_HOME: Final = Path(__file__).parents[1] / "data" / "icon_home"
PACKAGES: Final = ("torch", "torchvision", "pillow", "numpy", "nvidia-dali-cuda130")
ROWS: Final = (
    "torch, 0 workers",
    "torch, 2 workers",
    "dali, 2 threads",
    "resident, first epoch with the building of its cache",
    "resident, afterwards",
)


def main(words: Sequence[str]) -> str:
    """Measure; returns the Markdown."""
    given = parsed(words)
    device = torch.device(given.device)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)

        def data(name: str, root: Path, source: str, target: str) -> Data:
            return Data(name, root, source=(source,), target=target, batch_size=given.batch_size)

        found = {"photographs": data("folder", photographs(scratch / "images", given.images), *DOMAINS)}
        if given.icon_home.is_dir():
            found["IconHome, colour>line"] = data("icon_home", given.icon_home, "colour", "line")
        tasks = {name: Task.load(settings, given.images, device) for name, settings in found.items()}
        costs: dict[tuple[str, str], list[Cost]] = {}
        for round_ in range(given.rounds):
            for name, task in tasks.items():
                for reader, cost in measured(task, given.batches, round_, scratch / "cache").items():
                    costs.setdefault((name, reader), []).append(cost)
    text = (
        "\n\n".join([*(table(name, costs, 2 * given.batch_size) for name in tasks), footnote(words, given, tasks)])
        + "\n"
    )
    if given.write:
        report.write("data", text)
    return text


def parsed(words: Sequence[str]) -> argparse.Namespace:
    """The options; a mistake ends the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    there = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", choices=("cpu", "cuda"), default=there, help="where the batches are wanted")
    parser.add_argument("--rounds", type=int, default=7, help="measurements of every reader, at least 2")
    parser.add_argument("--batches", type=int, default=8, help="batches a measurement (resident: 4 times as many)")
    parser.add_argument("--images", type=int, default=216, help="images a domain")
    parser.add_argument("--batch-size", type=int, default=36, help="of each domain")
    parser.add_argument("--icon-home", type=Path, default=ICON_HOME, help="unpacked IconHome; left out if missing")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/benchmarks.md")
    given = parser.parse_args(words)
    if given.rounds < 2 or given.batches < 1 or not 1 <= given.batch_size <= given.images:
        parser.error("--rounds must be at least 2, --batches at least 1, --images at least --batch-size")
    if given.device != there:
        parser.error("hide the GPU to measure the CPU (CUDA_VISIBLE_DEVICES=)" if there == "cuda" else "no CUDA device")
    return given


def table(name: str, costs: dict[tuple[str, str], list[Cost]], images: int) -> str:
    """The rows of one data set; images: in a batch of both domains."""
    events = any(cost.device is not None for found in costs.values() for cost in found)
    head = [f"{name}: reader", "images a second", "CPU ms an image", *(["batch, ms by CUDA events"] if events else [])]
    lines = [head, ["---"] * len(head)]
    for reader in ROWS:
        found = costs.get((name, reader))
        lines.append([reader, *(figures(found, images) if found else ["not installed"] + [""] * (len(head) - 2))])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def figures(found: Sequence[Cost], images: int) -> list[str]:
    """Medians and quartiles of one row; images: in a batch of both domains."""
    cells = [report.spread([1 / cost.seconds for cost in found], 0), report.spread([1e3 * c.cpu for c in found], 2)]
    device = [1e3 * images * cost.device for cost in found if cost.device is not None]
    return cells + ([report.spread(device, 3)] if device else [])


def footnote(words: Sequence[str], given: argparse.Namespace, tasks: dict[str, Task]) -> str:
    """How it was measured, and on what."""
    counts = ", ".join(f"{name} {task.images}" for name, task in tasks.items())
    dali = "" if dali_is_there() else " dali is not installed."
    size, draws = given.batch_size, given.batches
    return (
        f"Medians (quartiles) of {given.rounds} interleaved rounds, {draws} batches of {size} + {size} each (resident "
        f"afterwards: {4 * draws}; its first epoch: all images once), views of 224 from 256 pixels, on {given.device}. "
        f"Images: {counts}. CPU time counts child processes; the reading of the list and the check of all images, "
        f"which every reader needs, are left out.{dali}\n\n"
        f"Command: `python -m benchmarks.data {' '.join(words)}`. Machine: {report.machine(PACKAGES)}"
    )


if __name__ == "__main__":
    logging.getLogger("trainer").setLevel(logging.ERROR)  # that caches are built is part of it
    sys.stdout.write(main(sys.argv[1:]))
