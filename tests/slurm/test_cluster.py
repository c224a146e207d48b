"""A sweep on a real Slurm: one array meets all that a cluster does to jobs, and ends like a sweep nobody disturbed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from launch.slurm import queue
from tests import runs
from tests.slurm import cluster, night, sweeps
from tests.slurm.night import Night

pytestmark = pytest.mark.slurm


@pytest.fixture(scope="module")
def spent(slurm: Path, digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    """The night, over."""
    plan = sweeps.plan(digits, tmp_path_factory.mktemp("night"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("MAX_BREAKS", "1")
        yield night.spend(slurm, plan)


def test_all_twelve_end_well_four_at_a_time(spent: Night) -> None:
    states = queue.states(spent.plan)
    assert {states[number].word for number in range(12)} == {"COMPLETED"}
    assert spent.most_at_once == 4
    assert spent.limited


@pytest.mark.parametrize("what", ["preempted", "requeued", "out_of_time", "killed"])
def test_who_was_disturbed_went_on_from_its_checkpoint(spent: Night, what: str) -> None:
    number = getattr(spent, what)
    assert night.starts(spent, number) == 2
    assert queue.states(spent.plan)[number].restarts == 1
    assert night.resumed_in_the_middle(spent, number)


def test_nobody_else_was_started_twice(spent: Night) -> None:
    disturbed = {spent.preempted, spent.requeued, spent.out_of_time, spent.killed}
    assert [night.starts(spent, number) for number in range(12) if number not in disturbed] == [1] * 8


def test_results_are_those_of_a_sweep_nobody_disturbed(spent: Night, digits: Path, tmp_path: Path) -> None:
    """Bit for bit: accuracies, weights, momentum, random numbers."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for job, task in zip(spent.plan.jobs, sweeps.TASKS, strict=False):
            here = sweeps.outcome(sweeps.alone(digits, tmp_path, task))
            there = sweeps.outcome(Path(job.folder))
            assert here[0] == there[0]
            runs.assert_identical(here[1], there[1])
    finally:
        torch.set_num_threads(threads)


def test_mistakes_are_not_repeated_and_breaks_only_so_often(spent: Night) -> None:
    states = queue.states(spent.plan)
    assert [(states[n].word, states[n].code, states[n].restarts) for n in (12, 13)] == [
        ("FAILED", 64, 0),
        ("FAILED", 70, 1),
    ]
    assert "broke 2 times in a row: given up" in spent.log(13)


def test_nothing_of_the_runs_is_left(spent: Night, slurm: Path) -> None:
    assert [process.cmdline() for process in cluster.processes(slurm)] == []
    assert list(spent.plan.logs.glob("*.breaks")) == []
