"""CDAN: the discriminator sees features and predictions together, as their outer product."""

from dataclasses import dataclass
from typing import Literal

from trainer.methods._adversarial import Adversarial
from trainer.models.bottleneck import Layers
from trainer.models.linear import Init


class Method(Adversarial):
    """Long et al. 2018, Conditional Adversarial Domain Adaptation. Source: thuml/CDAN pytorch/train_image.py, loss.py.

    The predictions in the outer product are constants. With entropy weights it is CDAN+E; those of the authors carry
    gradient to the classifier (through a reversal), those of TLlib carry none.
    """

    @dataclass(frozen=True)
    class Config(Adversarial.Config):
        """Settings of CDAN."""

        bottleneck: Layers = "linear"
        """Layers between the pooled feature and the classifier."""
        init: Init = "xavier"
        """First weights of bottleneck, classifier and discriminator."""
        discriminate: Literal["features", "predictions", "outer", "randomised"] = "outer"
        """What the discriminator sees: features, predictions, or their product (CDAN), whole (outer) or randomised."""
        entropy_offset: float = 1.0
        """Added to exp(-entropy): 1 in CDAN+E, 0 in GVB and HDA."""
        log_shift: float = 0.0
        """Added to the probabilities in the binary domain loss: 1e-8 in microsoft/UDA, GVB and HDA; 0: exact."""
        reversal_horizon: int | None = 10000
        """Steps over which the reversals rise; null: the length of the run (ToAlign); 10000 in GVB and HDA."""
        reversal_ahead: int = 1
        """Steps by which the discriminator's reversal is ahead of the entropy's (1 in GVB and HDA)."""
