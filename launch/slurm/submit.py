"""Hands the runs of a sweep to Slurm: job arrays, and the report after them."""

import dataclasses
import shlex
from pathlib import Path
from typing import Final

from launch.plan import Job, Plan
from launch.slurm import queue
from launch.slurm.arrays import Array, Submitted, compressed, split
from launch.slurm.commands import call
from launch.slurm.options import Options
from trainer.errors import UserError

SCRIPTS: Final = Path(__file__).resolve().parent


def submit(plan: Plan, pending: list[Job], options: Options) -> str:
    """Submit the runs that Slurm does not have already, and the report after them.

    Every array is recorded in <plan folder>/slurm.json as soon as Slurm has it, so that nothing is submitted twice.

    Returns:
        Slurm's number of the (first) new array, or of the newest one if all these runs are in the queue already.

    Raises:
        UserError: no Slurm here, or it refused; the sentence says what was submitted before.
    """
    known = queue.states(plan)
    elements = [job.index for job in pending if not (job.index in known and known[job.index].live)]
    done = Submitted.read(plan)
    if not elements:
        return done.arrays[-1].job if done.arrays else ""
    for folder in (plan.logs, plan.exits):
        folder.mkdir(parents=True, exist_ok=True)
    first = len(done.arrays)
    try:
        for offset, part in split(elements, largest_array()).items():
            before = [array.job for array in done.arrays[first:]] if options.limit else []
            job = call(*array_command(plan, offset, part, options, before)).strip().split(";")[0]
            array = Array(job, offset, tuple(part))
            done = dataclasses.replace(done, arrays=(*done.arrays, array))
            done.write(plan)
        new = [array.job for array in done.arrays[first:]]
        report = call(*report_command(plan, new, options)).strip().split(";")[0]
    except UserError as error:
        kept = ", ".join(f"{compressed(array.elements)} as job {array.job}" for array in done.arrays[first:])
        raise UserError(f"{error}. Submitted before: {kept or 'nothing'}.") from error
    dataclasses.replace(done, reports=(*done.reports, report)).write(plan)
    return new[0]


def preview(plan: Plan, pending: list[Job], options: Options) -> str:
    """The commands that submit() would run, one a line; a job number that only Slurm can give is written in capitals."""
    known = queue.states(plan)
    elements = [job.index for job in pending if not (job.index in known and known[job.index].live)]
    if not elements:
        return ""
    commands, jobs = [], list[str]()
    for number, (offset, part) in enumerate(split(elements, largest_array()).items(), 1):
        commands.append(array_command(plan, offset, part, options, jobs if options.limit else []))
        jobs.append(f"ARRAY{number}")
    commands.append(report_command(plan, jobs, options))
    return "\n".join(map(shlex.join, commands))


def array_command(plan: Plan, offset: int, elements: list[int], options: Options, before: list[str]) -> list[str]:
    """sbatch for some runs of the plan.

    Args:
        offset: what is added to an element's number.
        elements: numbers of the runs in the plan.
        before: arrays that must end first, since a limit counts within one array.
    """
    limit = f"%{options.limit}" if options.limit else ""
    command = ["sbatch", "--parsable", f"--array={compressed(n - offset for n in elements)}{limit}"]
    command += [f"--job-name={plan.name}", f"--output={pattern(plan.logs)}/slurm-%A_%a.out", *options.words()]
    if offset:
        command.append(f"--export=ALL,SWEEP_OFFSET={offset}")
    if before:
        command.append(f"--dependency=afterany:{':'.join(before)}")
    return [*command, str(SCRIPTS / "array.sbatch"), str(Path(plan.folder).resolve())]


def report_command(plan: Plan, arrays: list[str], options: Options) -> list[str]:
    """sbatch for the report, which starts when no element of the arrays is left, whatever became of them."""
    command = ["sbatch", "--parsable", f"--dependency=afterany:{':'.join(arrays)}", "--kill-on-invalid-dep=yes"]
    command += [f"--job-name={plan.name}-report", f"--output={pattern(plan.logs)}/report-%j.out"]
    return [*command, *options.report_words(), str(SCRIPTS / "report.sbatch"), str(Path(plan.folder).resolve())]


def pattern(folder: Path) -> str:
    """A folder in sbatch --output, where % has a meaning."""
    return str(folder.resolve()).replace("%", "%%")


def largest_array() -> int:
    """Slurm's MaxArraySize: every element's number is below it.

    Raises:
        UserError: no Slurm here.
    """
    lines = dict(line.split("=", 1) for line in call("scontrol", "show", "config").splitlines() if "=" in line)
    sizes = {name.strip(): value.strip() for name, value in lines.items()}
    return int(sizes.get("MaxArraySize", "1001"))
