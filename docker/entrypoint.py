"""The container's first process: runs a command, hands on signals, ends with the trainer's own exit code.

`accelerate launch` of one process dies of SIGTERM at once while the trainer is still writing its checkpoint, and turns
every failure into 1. This process therefore passes a signal to all of them, waits until the last one is gone, and ends
with the code of the trainer's exit record (0 done, 64 mend something, 70 broke, 75 stopped after a checkpoint) where
there is one.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import FrameType

RECORD = "TRAINER_EXIT_FILE"
PASSED = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2, signal.SIGHUP)
PR_SET_CHILD_SUBREAPER = 36


def main(command: list[str]) -> int:
    """Run the command to the end of its last process; returns the exit code."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # orphans come here, also where this is not pid 1
    with tempfile.TemporaryDirectory() as folder:
        record = Path(os.environ.setdefault(RECORD, f"{folder}/exit.json"))
        record.unlink(missing_ok=True)  # of an earlier start
        signal.pthread_sigmask(signal.SIG_BLOCK, PASSED)  # none is lost between the start and the handlers
        try:
            child = subprocess.Popen(command, start_new_session=True, preexec_fn=_unblock)
        except OSError as error:
            print(f"error: {command[0]} cannot be started: {error.strerror}", file=sys.stderr)
            return 127 if isinstance(error, FileNotFoundError) else 126

        def hand_on(number: int, frame: FrameType | None) -> None:
            try:
                os.killpg(child.pid, number)
            except ProcessLookupError:
                return  # it was the last moment of the last process

        for number in PASSED:
            signal.signal(number, hand_on)
        _unblock()
        status = _last_word(child.pid)
        code = recorded(record)
        return _shell_code(status) if code is None else code


def recorded(record: Path) -> int | None:
    """The trainer's own exit code; None when it wrote none."""
    try:
        return int(json.loads(record.read_text())["code"])
    except (OSError, ValueError, KeyError, TypeError):  # it died before it could, or is not the trainer
        return None


def _last_word(child: int) -> int:
    """Reap until no process is left; the wait status of the command itself."""
    found = 0
    while True:
        try:
            pid, status = os.wait()
        except ChildProcessError:
            return found
        if pid == child:
            found = status


def _shell_code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def _unblock() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("error: name a command, for instance: accelerate launch trainer/main.py --help")
    sys.exit(main(sys.argv[1:]))
