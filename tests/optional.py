"""On a machine without one of the optional packages, the test files that import it are left out, and it is said."""

import ast
from functools import cache
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("mlflow", "nvidia.dali", "deepspeed")


@cache
def missing() -> tuple[str, ...]:
    """The optional packages that are not installed."""
    return tuple(name for name in PACKAGES if not _installed(name))


def needs_missing(file: Path) -> bool:
    """Whether a test file's own imports, at its top, need a package that is not installed."""
    if not missing() or file.suffix != ".py":
        return False
    names: set[str] = set()
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return any(name == package or name.startswith(f"{package}.") for name in names for package in missing())


def _installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # of its parent
        return False
