"""The report of a sweep from the command line: python -m launch report PLAN_FOLDER"""

import argparse
import sys
from pathlib import Path

from launch.plan import PLAN, Plan
from launch.report import report
from trainer.errors import USER_ERROR, UserError


def main(words: list[str]) -> int:
    """Write the report and say where it is; returns 0.

    Raises:
        UserError: there is no such sweep, or the store does not answer.
    """
    options = parse(words)
    uri, parent, folder = place(options)
    files = report(uri, parent, folder, upload=not options.no_upload)
    for file in files:
        print(file)
    if not options.no_upload:
        print(f"logged to the parent run {parent} under report/")
    if options.docs is not None:
        from launch.report.results import read
        from launch.report.writing import write_section
        from trainer.tracking.history import History

        write_section(read(History(uri), parent), options.docs, options.command)
        print(options.docs)
    return 0


def parse(words: list[str]) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        prog="python -m launch report", description="Tables and plots of a sweep, from MLflow alone."
    )
    parser.add_argument(
        "plan", nargs="?", type=Path, metavar="PLAN_FOLDER", help="folder of the sweep (holds sweep.json)"
    )
    parser.add_argument("--parent", help="instead of the folder: MLflow id of the sweep's parent run")
    parser.add_argument("--uri", help="MLflow store, with --parent")
    parser.add_argument("--folder", type=Path, help="where the files go (default: PLAN_FOLDER/report, or report)")
    parser.add_argument("--no-upload", action="store_true", help="do not log the files to the parent run")
    parser.add_argument("--docs", type=Path, help="also write the report between the markers of this Markdown page")
    parser.add_argument("--command", default="make sweep-demo", help="with --docs: the command that the page names")
    return parser.parse_args(words)


def place(options: argparse.Namespace) -> tuple[str, str, Path]:
    """Store, parent run and folder of the report."""
    if options.plan is not None and options.parent is None:
        if not (options.plan / PLAN).exists():
            raise UserError(f"{options.plan} is no folder of a sweep: {options.plan / PLAN} is missing")
        plan = Plan.read(options.plan)
        if plan.parent is None:
            raise UserError(f"the sweep in {options.plan} has no parent run yet: start it with python -m launch sweep")
        return options.uri or plan.uri, plan.parent, options.folder or options.plan / "report"
    if options.plan is None and options.parent and options.uri:
        return options.uri, options.parent, options.folder or Path("report")
    raise UserError("name one sweep: its folder, or --parent RUN_ID together with --uri STORE")


def run(words: list[str]) -> int:
    """main(), with mistakes as one sentence and exit code 64."""
    try:
        return main(words)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return USER_ERROR
