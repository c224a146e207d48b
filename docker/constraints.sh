#!/usr/bin/env bash
# The versions in this environment of everything that the two images install: docker/constraints.sh > docker/constraints.txt
set -euo pipefail
cd "$(dirname "$0")/.."
exec .venv/bin/python - <<'PYTHON'
import re
from configparser import ConfigParser
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement

settings = ConfigParser(interpolation=None)
settings.read("setup.cfg")
names = settings["options"]["install_requires"] + settings["options.extras_require"]["server"]
wanted, found = [Requirement(line) for line in names.split("\n") if line.strip()], {}
while wanted:
    requirement = wanted.pop()
    extras = [{"extra": extra} for extra in requirement.extras] or [{"extra": ""}]
    if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
        continue
    try:
        package = distribution(requirement.name)
    except PackageNotFoundError:
        continue  # of another platform
    key = (re.sub(r"[-_.]+", "-", requirement.name).lower(), tuple(sorted(requirement.extras)))
    if key in found:
        continue
    found[key] = package.version.partition("+")[0]
    for line in package.requires or []:
        needed = Requirement(line)
        if needed.marker is None or any(needed.marker.evaluate(extra) for extra in extras):
            needed.marker = None
            wanted.append(needed)
print("# versions the tests ran with; made by docker/constraints.sh")
for name, version in sorted({(name, version) for (name, _), version in found.items()}):
    print(f"{name}=={version}")
PYTHON
