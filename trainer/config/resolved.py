"""A run in other forms: a flat mapping, a YAML file that reads back to the same run, and a short hash."""

import dataclasses
import hashlib
import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import yaml

from trainer.settings import Run

NOT_IDENTITY: Final = (
    "output",
    "resume",
    "tracking.*",
    "data.root",
    "data.cache",
    "data.workers",
    "data.eval_batch_size",
    "train.log_every",
    "train.check_every",
    "train.profile",
    "train.timeout",
    "train.keep",
    "train.save_every",
)
"""Settings that do not change the result. data.root is one of them because the same images lie elsewhere on another
machine; data.lists is not, because it says which images are used."""


def title(run: Run) -> str:
    """The method's name in tables."""
    return str(run.method.title or run.method.name)


def flatten(run: Run) -> dict[str, object]:
    """Every setting under its dotted name, in the order of the dataclasses: {'data.batch_size': 36, ...}."""
    return _flatten(run, "")


def _flatten(part: Any, prefix: str) -> dict[str, object]:
    flat: dict[str, object] = {}
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        if dataclasses.is_dataclass(value):
            flat |= _flatten(value, f"{prefix}{field.name}.")
        else:
            flat[f"{prefix}{field.name}"] = value
    return flat


def dump(run: Run) -> str:
    """YAML text with every setting; as a --config file it reads back to an equal run."""
    tree = {key: _plain(value) for key, value in dataclasses.asdict(run).items()}
    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, default_flow_style=None)


def identity(run: Run) -> str:
    """Ten hexadecimal digits: equal for runs that compute the same result, whatever the machine they run on."""
    kept = {
        key: _plain(value)
        for key, value in flatten(run).items()
        if not any(fnmatchcase(key, pattern) for pattern in NOT_IDENTITY)
    }
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:10]


def _plain(value: Any) -> Any:
    """The value in the types that YAML and JSON know."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
