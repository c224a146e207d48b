"""Train one run: accelerate launch trainer/main.py --config configs/datasets/X.yaml --config configs/methods/Y.yaml

Exit codes: 0 done, 64 the user must mend something, 70 the run broke, 75 stopped on request after a checkpoint.
"""

import logging
import os
import sys
import traceback

from trainer import config
from trainer.errors import CRASH, STOPPED, USER_ERROR, Crash, UserError
from trainer.settings import Run


def main(words: list[str]) -> int:
    """Read the run before anything is started, then train it; returns the exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        return train(config.read(words))
    except UserError as error:
        code, message = USER_ERROR, str(error)
    except Crash as error:
        code, message = CRASH, str(error)
    except Exception:  # whatever broke: the exit code is a contract, the trace says the rest
        traceback.print_exc()
        return CRASH
    if os.environ.get("RANK", "0") == "0":
        print(f"error: {message}", file=sys.stderr)
    return code


def train(run: Run) -> int:
    """Build the run and train it."""
    from trainer.session import Session  # torch is not loaded for a mistake in a file

    with Session.open(run) as session:
        return 0 if session.train() else STOPPED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
