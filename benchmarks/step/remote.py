"""An object in a process of its own: its memory, its CPU time and its failures are its own."""

import contextlib
import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

PRELOAD = ["benchmarks.step.subject", "benchmarks.step.agreement"]
"""What processes on a CPU start with; on a GPU each imports for itself, since CUDA does not survive a fork."""


class Failed(Exception):
    """A call in another process failed; the text is its reason, on one line."""


class Remote:
    """Builds an object in a new process and calls its methods there.

    Args:
        device: cpu or cuda.
        build: makes the object; importable by name.
        arguments: of build.

    Raises:
        Failed: from the first call on, when building failed or the process ended.
    """

    def __init__(self, device: str, build: Callable[..., object], *arguments: object) -> None:
        context: Any = multiprocessing.get_context("spawn" if device == "cuda" else "forkserver")
        if device != "cuda":
            context.set_forkserver_preload(PRELOAD)
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, build, arguments), daemon=True)
        self._process.start()
        theirs.close()

    def __enter__(self) -> "Remote":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def call(self, name: str, *arguments: object, meanwhile: Callable[[], None] | None = None) -> Any:
        """The result of a method; meanwhile is called every tenth of a second until it is there."""
        try:
            self._pipe.send((name, arguments))
            while meanwhile is not None and not self._pipe.poll(0.1):
                meanwhile()
            good, answer = self._pipe.recv()
        except (EOFError, OSError) as error:
            self._process.join(10)
            raise Failed(f"its process ended with exit code {self._process.exitcode}") from error
        if not good:
            raise Failed(answer)
        return answer

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(OSError):
            self._pipe.send(None)
        self._process.join(10)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._pipe.close()


def _serve(pipe: Connection, build: Callable[..., object], arguments: tuple[object, ...]) -> None:
    """The other side: answers (whether it went well, result or reason) until None arrives."""
    subject: object = None
    broken = ""
    try:
        subject = build(*arguments)
    except Exception as error:  # whatever it is, it belongs into the row of the table
        broken = reason(error)
    while (request := pipe.recv()) is not None:
        name, given = request
        try:
            pipe.send((False, broken) if broken else (True, getattr(subject, name)(*given)))
        except Exception as error:  # as above
            pipe.send((False, reason(error)))
    pipe.close()
    os._exit(0)  # compiled variants leave helper processes that an orderly end would wait for


def reason(error: Exception) -> str:
    """An error on one short line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}".replace("|", "/")[:200]
