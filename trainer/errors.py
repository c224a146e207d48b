"""The two ways a run can fail, as exit codes that a scheduler can act on."""

from typing import Final

USER_ERROR: Final = 64
"""The user must mend something (configuration, data, permissions): never requeue."""
CRASH: Final = 70
"""The run broke (non-finite loss, dead rank): requeue a few times."""
STOPPED: Final = 75
"""Stopped on request after a checkpoint: requeue."""
INTERRUPTED: Final = 130
"""Interrupted by hand, without a checkpoint."""


class UserError(Exception):
    """A mistake only the user can mend: one sentence that says what, where and what to do."""


class Crash(Exception):
    """The run cannot go on: one sentence that names the cause and what was kept.

    Attributes:
        everywhere: whether all ranks raise it alike, so that one of them says it for all.
    """

    def __init__(self, message: str, everywhere: bool = False) -> None:
        super().__init__(message)
        self.everywhere = everywhere
