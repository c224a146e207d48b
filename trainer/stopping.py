"""Requests to stop: a signal sets a flag, the loop looks at it between two steps."""

import signal
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGUSR2, signal.SIGINT)


class StopRequest:
    """Whether somebody asked this process to stop (SIGTERM, SIGUSR2 or Ctrl-C). A second Ctrl-C stops at once.

    A context manager: the handlers that were there before are put back.
    """

    def __init__(self) -> None:
        self.wanted = False

    def __enter__(self) -> "StopRequest":
        self._before = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.wanted and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.wanted = True
