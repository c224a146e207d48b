"""A network of the benchmark's own, so that no other program's bytes are counted; needs no root."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

INSIDE = "SCALE_OWN_NETWORK"
"""Set to 1 in the environment of what runs inside."""
ENTER = ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]


def inside() -> bool:
    """Whether this process runs in a network of its own."""
    return os.environ.get(INSIDE) == "1"


def refusal() -> str:
    """Why there can be no network of its own; empty where there can."""
    missing = [program for program in ("unshare", "ip") if shutil.which(program) is None]
    if missing:
        return f"not counted: {' and '.join(missing)} not found (packages util-linux, iproute2)"
    tried = subprocess.run([*ENTER, "true"], capture_output=True, text=True)
    return f"not counted: no network namespaces here ({tried.stderr.strip()})" if tried.returncode else ""


def enter(command: list[str]) -> NoReturn:
    """Start the command in a network of its own, in place of this process."""
    sys.stdout.flush()
    os.execvpe(ENTER[0], [*ENTER, *command], os.environ | {INSIDE: "1"})


def sent(table: str | None = None) -> int | None:
    """Bytes that left by the loopback interface since the network was made; None in a network that is shared.

    Args:
        table: text of /proc/net/dev; None: that of this process, if the network is its own.
    """
    if table is None:
        if not inside():
            return None
        table = Path("/proc/net/dev").read_text()
    (line,) = (line for line in table.splitlines() if line.strip().startswith("lo:"))
    return int(line.split(":")[1].split()[8])
