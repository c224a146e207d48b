"""python -m launch.report: the same as python -m launch report."""

import sys

from launch.report.command import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
