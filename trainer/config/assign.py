"""Written settings put into a run, checked against its types by tyro, with mistakes in words."""

import contextlib
import dataclasses
import difflib
import io
import types
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import tyro

from trainer.config.entries import Entry
from trainer.settings import Run


def apply(entries: list[Entry], run: Run) -> tuple[Run, list[str]]:
    """Set the entries, in their order; entries that are wrong are left out and described."""
    types_of = setting_types(run)
    mistakes, good = [], []
    for entry in entries:
        if entry.words == (None,) and any(key.startswith(f"{entry.key}.") for key in types_of):
            continue  # a heading with nothing under it
        if entry.key not in types_of:
            mistakes.append(f"{entry.where}: {_unknown(entry, list(types_of))}")
        elif None in entry.words and type(None) not in _members(types_of[entry.key]):
            mistakes.append(_mistyped(entry, types_of[entry.key]))
        elif dashed := [word for word in entry.words[1:] if word and word.startswith("-") and not word[1:2].isdigit()]:
            mistakes.append(f"{entry.where}: {entry.key}: an item of a list must not begin with '-': {dashed[0]!r}")
        else:
            good.append(entry)
    # All at once is quick; one by one tells which of them is wrong.
    if (at_once := _parse(good, types_of, run)) is not None:
        return at_once, mistakes
    for entry in good:
        parsed = _parse([entry], types_of, run)
        if parsed is None:
            mistakes.append(_mistyped(entry, types_of[entry.key]))
        run = parsed or run
    return run, mistakes


def _parse(entries: list[Entry], types_of: dict[str, Any], run: Run) -> Run | None:
    """The run with these settings, or None if a value does not fit its type."""
    words = [word for entry in entries for word in _words(entry, types_of[entry.key])]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            return tyro.cli(
                Run,
                args=words,
                default=run,
                config=(tyro.conf.FlagConversionOff,),
                use_underscores=True,
                console_outputs=False,
                add_help=False,
            )
        except SystemExit:
            return None


def _words(entry: Entry, hint: Any) -> Iterable[str]:
    """The entry as command-line words; '=' keeps a value that begins with '--' from being read as an option."""
    texts = ["None" if word is None else word for word in entry.words]
    if bool in _members(hint):
        texts = [text.capitalize() if text.lower() in ("true", "false") else text for text in texts]
    return [f"--{entry.key}={texts[0]}", *texts[1:]] if texts else [f"--{entry.key}"]


def setting_types(part: Any, prefix: str = "") -> dict[str, Any]:
    """Dotted name -> type of every setting."""
    found: dict[str, Any] = {}
    for name, hint in typing.get_type_hints(type(part)).items():
        value = getattr(part, name)
        found |= (
            setting_types(value, f"{prefix}{name}.") if dataclasses.is_dataclass(value) else {f"{prefix}{name}": hint}
        )
    return found


def _members(hint: Any) -> tuple[Any, ...]:
    """The types that a union is made of; of a list, those of its items."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType, tuple):
        return tuple(member for argument in arguments for member in _members(argument))
    return (hint,)


def _describe(hint: Any) -> str:
    """A type in words."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return "one of " + ", ".join(str(argument) for argument in arguments)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_describe(argument) for argument in arguments)
    if origin is tuple and arguments[-1] is ...:
        return f"a list, each item {_describe(arguments[0])}"
    if origin is tuple:
        return f"{len(arguments)} values: " + ", ".join(_describe(argument) for argument in arguments)
    plain = {str: "text", int: "a whole number", float: "a number", bool: "true or false", Path: "a path"}
    return plain.get(hint, "null" if hint is type(None) else str(hint))


def _mistyped(entry: Entry, hint: Any) -> str:
    return f"{entry.where}: {entry.key} must be {_describe(hint)}, not {entry.given}"


def _unknown(entry: Entry, known: list[str]) -> str:
    inside = [key for key in known if key.startswith(f"{entry.key}.")]
    if inside:
        return f"{entry.key} is a group of settings ({', '.join(inside)}), not {entry.given}"
    near = difflib.get_close_matches(entry.key, known, n=1, cutoff=0.5)
    same_name = [key for key in known if key.rpartition(".")[2] == entry.key.rpartition(".")[2]]
    guess = (same_name or near or [""])[0]
    hint = f"; did you mean {guess}?" if guess else "; --help lists them all"
    return f"there is no setting {entry.key} (given: {entry.given}){hint}"
