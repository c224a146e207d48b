"""A process of its own that decodes images to see whether they can be: one that crashes its decoder is found so too."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from typing import NamedTuple

from trainer.data.image import UnreadableError, read_rgb


class Verdict(NamedTuple):
    """What is known of an image file."""

    reason: str | None
    """Why it cannot be used; None: it can."""
    digest: str | None
    """SHA-256 of the file."""


class Probe:
    """The parent's side: sends a path, waits for the verdict. One thread at a time."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[str] | None = None

    def __call__(self, path: str) -> Verdict:
        """Decode one file."""
        child = self._child = self._child or _start()
        assert child.stdin
        assert child.stdout
        try:
            child.stdin.write(json.dumps(path) + "\n")
            child.stdin.flush()
            answer = child.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if answer:
            return Verdict(*json.loads(answer))
        code, self._child = child.wait(), None
        return Verdict(f"decoding it kills the process (exit code {code})", None)

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            self._child.communicate()  # closes its input, upon which it ends
            self._child = None


def main() -> None:
    """The child's side: one path in, one verdict out, both as lines of JSON."""
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends it
    for line in sys.stdin:
        sys.stdout.write(json.dumps(examine(json.loads(line))) + "\n")
        sys.stdout.flush()


def examine(path: str) -> Verdict:
    """Decode a file and hash it."""
    try:
        read_rgb(path, draft=True)
        with open(path, "rb") as stream:
            return Verdict(None, hashlib.file_digest(stream, "sha256").hexdigest())
    except UnreadableError as error:
        return Verdict(str(error), None)
    except OSError as error:  # it vanished between decoding and hashing
        return Verdict(error.strerror or str(error), None)


def _start() -> "subprocess.Popen[str]":
    package_root = Path(__file__).parents[2]
    path = os.pathsep.join(filter(None, (str(package_root), os.environ.get("PYTHONPATH"))))
    return subprocess.Popen(
        [sys.executable, "-m", "trainer.data.probe"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="ascii",
        env=os.environ | {"PYTHONPATH": path},
    )


if __name__ == "__main__":
    main()
