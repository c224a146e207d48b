"""Verdicts on image files, remembered by size and modification time."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from trainer.data.probe import Verdict

VERSION = 1
Stamp = tuple[int, int]
"""Bytes, and modification time in nanoseconds."""


class ScanCache:
    """One JSON file; a missing or damaged one counts as empty.

    Args:
        file: where; None: nothing is remembered.
        root: the data root the paths start from; verdicts on another root are not used.
    """

    def __init__(self, file: Path | None, root: Path) -> None:
        self.file, self.root = file, os.path.realpath(root)
        self._known = self._read()

    def verdict(self, path: str, stamp: Stamp) -> Verdict | None:
        """What is known of a file that still has this stamp."""
        known = self._known.get(path)
        return known[1] if known and known[0] == stamp else None

    def write(self, verdicts: Mapping[str, tuple[Stamp, Verdict]]) -> None:
        """Remember these; the file changes whole or not at all."""
        if self.file is None:
            return
        self._known |= verdicts
        files = {path: [*stamp, *verdict] for path, (stamp, verdict) in self._known.items()}
        self.file.parent.mkdir(parents=True, exist_ok=True)
        part = self.file.with_name(f".tmp-{os.getpid()}-{self.file.name}")
        part.write_text(json.dumps({"version": VERSION, "root": self.root, "files": files}), encoding="ascii")
        os.replace(part, self.file)

    def _read(self) -> dict[str, tuple[Stamp, Verdict]]:
        if self.file is None:
            return {}
        try:
            content = json.loads(self.file.read_bytes())
            if (content["version"], content["root"]) != (VERSION, self.root):
                return {}
            return {
                path: ((int(size), int(time)), Verdict(reason, digest))
                for path, (size, time, reason, digest) in content["files"].items()
            }
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return {}
