"""Requests to stop: a signal sets a flag, the loop looks at it between two steps."""

import signal
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGUSR2, signal.SIGINT)


class StopRequest:
    """Whether somebody asked this process to stop (SIGTERM, SIGUSR2 or Ctrl-C). A second Ctrl-C stops at once."""

    def __init__(self) -> None:
        self.wanted = False
        for number in SIGNALS:
            signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.wanted and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.wanted = True
