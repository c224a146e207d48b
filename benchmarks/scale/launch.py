"""The ranks of a row as processes that wait for orders; they are kept through all rounds."""

import multiprocessing
import socket
from contextlib import suppress
from importlib.util import find_spec
from multiprocessing.context import BaseContext
from typing import Any

import torch

from benchmarks.scale import rank
from benchmarks.scale.rows import Load, Row
from trainer.errors import Crash


def context() -> BaseContext:
    """How ranks are started: on CPUs forked from a process that has imported everything and started nothing."""
    if torch.cuda.is_available():
        return multiprocessing.get_context("spawn")
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["benchmarks.scale.rank"] + ["trainer.distributed.zero"] * has_deepspeed())
    return server


def has_deepspeed() -> bool:
    """Whether ZeRO can be measured here."""
    return find_spec("deepspeed") is not None and find_spec("transformers") is not None


class Launch:
    """A row's ranks.

    Args:
        row: how they train.
        load: what they train.
        processes: how they are started.
    """

    def __init__(self, row: Row, load: Load, processes: BaseContext) -> None:
        self.row, port = row, free_port()
        pairs = [processes.Pipe() for _ in range(row.ranks)]
        self.pipes = [ours for ours, _ in pairs]
        self.ranks = [
            processes.Process(target=rank.serve, args=(row, load, number, port, theirs), daemon=True)  # type: ignore[attr-defined]
            for number, (_, theirs) in enumerate(pairs)
        ]
        for process in self.ranks:
            process.start()
        for _, theirs in pairs:
            theirs.close()

    def order(self, name: str, *arguments: object) -> list[Any]:
        """Tell all ranks the same and wait for their answers, in rank order.

        Raises:
            Crash: a rank ended; it has said why on standard error.
        """
        try:
            for pipe in self.pipes:
                pipe.send((name, arguments))
            return [pipe.recv() for pipe in self.pipes]
        except (EOFError, OSError) as error:
            raise Crash(f"A rank of {self.row.title!r} on {self.row.ranks} ended; see its message above.") from error

    def close(self) -> None:
        """End the ranks; those that do not end by themselves are ended."""
        for pipe in self.pipes:
            with suppress(BrokenPipeError):  # it has ended
                pipe.send(None)
        for process in self.ranks:
            process.join(10)
            process.kill()


def free_port() -> int:
    """A port for the ranks to meet at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
