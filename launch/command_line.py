"""What every command of `python -m launch` does with its words: options of its own, the trainer's, and mistakes."""

import argparse
import difflib
import re
from collections.abc import Iterable
from typing import NoReturn

from trainer.errors import UserError


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose mistakes are a UserError (exit code 64), and which takes no abbreviations."""

    def __init__(self, command: str, description: str) -> None:
        super().__init__(
            prog=f"python -m launch {command}",
            description=description,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def error(self, message: str) -> NoReturn:
        """Raises: UserError, with the near name of an option that does not exist."""
        found = re.match(r"unrecognized arguments: (\S+)", message)
        raise UserError(f"{self.prog}: {message}{near(found[1], self.options()) if found else ''}")

    def options(self) -> list[str]:
        """Every option, as it is written."""
        return [name for action in self._actions for name in action.option_strings]

    def split(self, words: list[str]) -> tuple[argparse.Namespace, list[str]]:
        """The values of this parser's options, and the words that are not its own (the trainer's), in their order."""
        values = {name: action.nargs != 0 for action in self._actions for name in action.option_strings}
        own: list[str] = []
        others: list[str] = []
        rest = iter(words)
        for word in rest:
            name, equals, _ = word.partition("=")
            if name not in values:
                others.append(word)
                continue
            value = next(rest, None) if values[name] and not equals else None
            own.append(word if value is None else f"{word}={value}")
        return self.parse_args(own), others


def near(word: str, known: Iterable[str]) -> str:
    """'; did you mean X?' or nothing."""
    found = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {found[0]}?" if found else ""


def numbers(text: str) -> tuple[int, ...]:
    """Whole numbers from 0 on, given as 0,3,7.

    Raises:
        argparse.ArgumentTypeError: they are not, or one stands twice.
    """
    parts = text.removesuffix(",").split(",")
    if all(part.isdecimal() for part in parts) and len(set(map(int, parts))) == len(parts):
        return tuple(map(int, parts))
    raise argparse.ArgumentTypeError(f"whole numbers from 0 on, each once, as in 0,3,7; not {text!r}")


def seeds(text: str) -> tuple[int, ...]:
    """How many seeds (3: the seeds 0, 1 and 2), or which (0,3,7; 5, with a comma: seed 5 alone).

    Raises:
        argparse.ArgumentTypeError: neither.
    """
    return tuple(range(positive(text))) if "," not in text else numbers(text)


def positive(text: str) -> int:
    """A whole number from 1 on.

    Raises:
        argparse.ArgumentTypeError: it is not.
    """
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"a whole number from 1 on, not {text!r}")


def count(text: str) -> int:
    """A whole number from 0 on.

    Raises:
        argparse.ArgumentTypeError: it is not.
    """
    if text.isdecimal():
        return int(text)
    raise argparse.ArgumentTypeError(f"a whole number from 0 on, not {text!r}")


def names(text: str) -> tuple[str, ...]:
    """Words given as a,b,c."""
    return tuple(part.strip() for part in text.split(",") if part.strip())
