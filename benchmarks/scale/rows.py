"""The rows of the table: how the ranks of one launch train, and what they train."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Load:
    """The network and the global batch of every row."""

    backbone: str
    pixels: int
    batch: int
    """Source images a step over all ranks, and as many target images."""
    classes: int = 65

    @property
    def title(self) -> str:
        """For the table's caption."""
        return f"{self.backbone} at {self.pixels} px, {self.batch} + {self.batch} images over all ranks"


ON_CPU = Load("resnet18", 64, 8)
ON_GPU = Load("resnet50", 224, 36)


@dataclass(frozen=True)
class Row:
    """One launch: a number of ranks, and how they train."""

    ranks: int
    title: str
    zero: int = 0
    """ZeRO stage; 0: DDP, or one plain process."""
    compression: str = "none"
    """Of gradients on their way: train.gradient_compression."""
    sync_bn: bool = True
    """train.sync_bn."""
    views: bool = True
    """DDP's gradient_as_bucket_view, which the trainer has on."""
    late: bool = False
    """One all-reduce by hand after the backward, in place of DDP's during it."""


ONE = Row(1, "one process")
"""The row that every other is compared with, in the same round."""
DDP, LATE = "DDP", "DDP, all-reduce after the backward"


def rows(ranks: int) -> list[Row]:
    """The launches of a number of ranks; on one there is nothing to compress and no other rank's batch norm."""
    sharded = [Row(ranks, f"ZeRO-{stage}", zero=stage) for stage in (1, 2)]
    if ranks == 1:
        return [ONE, *sharded]
    return [
        Row(ranks, DDP),
        *sharded,
        Row(ranks, "DDP, bf16 gradients", compression="bf16"),
        Row(ranks, "DDP, gradients copied to buckets", views=False),
        Row(ranks, "DDP, batch norm per rank", sync_bn=False),
        Row(ranks, LATE, late=True),
    ]
