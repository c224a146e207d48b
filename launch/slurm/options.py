"""What a sweep asks of Slurm for each of its runs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """Resources of one element; what is None is left to launch/slurm/array.sbatch and to the cluster."""

    gpus: int | None = None
    """GPUs a node; 0: none."""
    nodes: int | None = None
    """Nodes of one run."""
    cpus: int | None = None
    """Cores a node."""
    memory: str | None = None
    """Memory a node, as sbatch --mem takes it: 64G."""
    time: str | None = None
    """Time limit of one start, as sbatch --time takes it: 12:00:00. Two minutes before it the run saves and goes back
    into the queue."""
    partition: str | None = None
    account: str | None = None
    limit: int | None = None
    """At most this many runs at once."""
    retries: int | None = None
    """How often in a row a run that broke (exit code 70) is started again."""
    accelerate: str | None = None
    """Arguments of accelerate launch in place of those that the script chooses; for runs on one node."""
    extra: tuple[str, ...] = ()
    """Any other options of sbatch, as they are."""

    def variables(self) -> dict[str, str]:
        """Environment variables that array.sbatch reads."""
        named = {"MAX_BREAKS": self.retries, "LAUNCH_ARGS": self.accelerate}
        return {name: str(value) for name, value in named.items() if value is not None}

    def words(self) -> list[str]:
        """As options of sbatch."""
        named = {
            "nodes": self.nodes,
            "cpus-per-task": self.cpus,
            "mem": self.memory,
            "time": self.time,
            "partition": self.partition,
            "account": self.account,
        }
        words = [f"--{name}={value}" for name, value in named.items() if value is not None]
        if self.gpus is not None:
            words.append(f"--gres=gpu:{self.gpus}" if self.gpus else "--gres=none")
        return [*words, *self.extra]

    def report_words(self) -> list[str]:
        """What of it concerns the report job, too."""
        named = {"partition": self.partition, "account": self.account}
        return [f"--{name}={value}" for name, value in named.items() if value is not None]
