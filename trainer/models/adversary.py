"""JAN-A's adversary: a linear map that widens what everything before it narrows."""

from torch import Tensor, nn

from trainer.models.reversal import reverse_gradient


class Adversary(nn.Module):
    """theta x between two reversals: theta climbs the loss, x descends it (Long et al. 2017, eq. 10).

    TLlib tllib/alignment/jan.py Theta, which starts at the identity too; its bias is left out, since kernels see
    differences of rows alone.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.theta = nn.Linear(width, width, bias=False)
        nn.init.eye_(self.theta.weight)

    def forward(self, x: Tensor) -> Tensor:
        """[n, width] -> [n, width]."""
        one = x.new_ones(())
        return reverse_gradient(self.theta(reverse_gradient(x, one)), one)
