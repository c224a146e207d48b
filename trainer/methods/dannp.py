"""DANNP: DANN whose discriminator sees predictions; with entropy weights it is called DANNPE."""

from trainer.methods._adversarial import Adversarial


class Method(Adversarial):
    """L = CE + L_alg(softmax(l)). Source: microsoft/UDA utils/loss.py d_align_uda without features.

    No public repository holds a DANNP configuration: weight 1 and no entropy weights are our reading, entropy weights
    make DANNPE (the baseline of GVB).
    """
