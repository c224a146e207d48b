"""The rows of the tables: the reference, the product as it is by default, and each of its options."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Variant:
    """One row."""

    name: str
    """On the command line."""
    title: str
    """In the tables."""
    words: tuple[str, ...] = ()
    """Options of the run, as a user gives them."""
    profile: str = "hda_toalign"
    """File in configs/methods/; empty: the reference."""
    exact: bool = True
    """Whether it computes the same as the reference, up to rounding."""

    @property
    def is_reference(self) -> bool:
        """Whether this is the three-pass step and not the product's."""
        return not self.profile

    @property
    def half(self) -> bool:
        """Whether the network runs in bf16."""
        return "bf16" in self.words

    @property
    def passes(self) -> int:
        """How often a domain's images go through the backbone in a step."""
        return 3 if self.is_reference else 2


FUSED: Final = ("--optim.fused", "true")
BF16: Final = ("--train.precision", "bf16")
CONTIGUOUS: Final = ("--train.channels_last", "false")
QUICK: Final = ("--train.deterministic", "false")

REFERENCE: Final = Variant("reference", "reference: three passes, contiguous", profile="")
HDA: Final = Variant("hda", "HDA without ToAlign, otherwise the same", profile="hda", exact=False)

CPU: Final = (
    REFERENCE,
    Variant("contiguous", "ours, contiguous", CONTIGUOUS),
    Variant("ours", "ours: the defaults (two passes, channels_last)"),
    HDA,
    Variant("fused", "ours + fused SGD", FUSED),
    Variant("bf16", "ours + bf16", BF16, exact=False),
)

_EAGER: Final = (*BF16, *QUICK)
GPU: Final = (
    REFERENCE,
    Variant("reference_bf16", "reference, bf16", BF16, profile="", exact=False),
    Variant("ours", "ours: the defaults (float32, deterministic)"),
    Variant("bf16", "ours, bf16", BF16, exact=False),
    Variant("eager", "ours, bf16, deterministic false", _EAGER, exact=False),
    Variant("hda", "HDA without ToAlign, otherwise the same", _EAGER, profile="hda", exact=False),
    Variant("fused", "+ fused SGD", (*_EAGER, *FUSED), exact=False),
)
