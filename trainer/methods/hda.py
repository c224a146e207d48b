"""HDA: heuristics take the domain-specific part of the logits away and are kept small."""

from dataclasses import dataclass
from typing import Literal

from trainer.methods._adversarial import Adversarial


class Method(Adversarial):
    """Cui et al. 2020, Heuristic Domain Adaptation. Source: cuishuhao/HDA scripts/train_uda.py, utils/loss.py."""

    @dataclass(frozen=True)
    class Config(Adversarial.Config):
        """Settings of HDA."""

        head: Literal["plain", "gvb", "hda"] = "hda"
        """Classifier: plain (one linear layer), gvb (minus one bridge) or hda (minus three heuristics)."""
        entropy: bool = True
        """Weigh samples by exp(-entropy) of their prediction, normalised per domain (entropy conditioning)."""
