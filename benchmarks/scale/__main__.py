"""What several ranks cost: python -m benchmarks.scale [--ranks 1 2 4] [--rounds 5] [--steps 2] [--write]

Trains HDA+ToAlign by the trainer's own step on 1, 2 and 4 ranks, all on the same global batch: on GPUs if there are
any (as many ranks as GPUs), else on CPUs with one thread a rank. Prints Markdown; --write puts it into
docs/benchmarks.md.
"""

import argparse
import os
import sys
from collections.abc import Sequence

import torch

from benchmarks.report import machine, write
from benchmarks.scale import network, rows, tables
from benchmarks.scale.launch import has_deepspeed
from benchmarks.scale.measure import BEGINNING, Figures, measure
from trainer.errors import Crash, UserError

PACKAGES = ("torch", "accelerate", "deepspeed")
QUIET = {"KINETO_LOG_LEVEL": "99", "TORCH_CPP_LOG_LEVEL": "ERROR"}
"""On CPUs torch's profiler complains that there is no GPU; in a network of its own, that addresses have no names."""


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description="What several ranks cost.")
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2, 4], help="numbers of ranks")
    parser.add_argument("--rounds", type=int, default=5, help="how often each row has its turn")
    parser.add_argument("--steps", type=int, default=2, help="steps of a turn")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/benchmarks.md")
    options = parser.parse_args(words)
    if min(*options.ranks, options.rounds, options.steps) < 1:
        raise UserError("--ranks, --rounds and --steps are at least 1.")
    return options


def text(options: argparse.Namespace, load: rows.Load, found: list[Figures], why_not_sent: str) -> str:
    """The whole section."""
    ranks = " ".join(map(str, options.ranks))
    ways = "NCCL" if torch.cuda.is_available() else "gloo, one thread a rank"
    command = f"python -m benchmarks.scale --ranks {ranks} --rounds {options.rounds} --steps {options.steps}"
    notes = [
        f"HDA+ToAlign, {load.title}, fp32, {ways}. Command: `{command}`. Machine: {machine(PACKAGES)}",
        f"Each row had {options.rounds} turns of {options.steps} steps (one process: as many beside each number of "
        f"ranks), one row after the other in every round; n is the number of turns, figures are medians over them and, "
        f"in brackets, the smallest and the largest. Ratios are taken within a round.",
    ]
    if not has_deepspeed():
        notes.append("ZeRO rows: DeepSpeed is not installed.")
    if not torch.cuda.is_available() and max(options.ranks) > (os.cpu_count() or 1):
        notes.append("With more ranks than cores the ranks take turns on the cores, so wall times say little there.")
    explained = (
        f"All rows begin with the same weights and images; relative differences, for gradients that of the whole "
        f"vector. The network is new, so rounding grows from step to step; see what {BEGINNING} steps do to float32."
    )
    travel = (
        "One step of rank 0 under torch's profiler, which slows it down; the last column is from the turns. On GPUs "
        "the times are those of the launches."
    )
    parts = [*notes, tables.speed_table(found, why_not_sent), explained, tables.accuracy_table(found)]
    return "\n\n".join([*parts, travel, tables.overlap_table(found)] if any(f.travel for f in found) else parts)


def main(words: Sequence[str]) -> None:
    """Measure, print, write."""
    options = parse(words)
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else None
    if gpus is not None:
        options.ranks, why = [count for count in options.ranks if count <= gpus], "not over the network"
    else:
        os.environ |= QUIET
        why = "" if network.inside() else network.refusal()
        if not why and not network.inside():
            network.enter([sys.executable, "-m", "benchmarks.scale", *words])
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries talk on standard output
    load = rows.ON_CPU if gpus is None else rows.ON_GPU
    section = text(options, load, measure(load, options.ranks, options.rounds, options.steps), why)
    output.write(f"{section}\n")
    output.close()
    if options.write:
        write("scale", section)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (UserError, Crash) as error:
        sys.exit(f"error: {error}")
