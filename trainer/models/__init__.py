"""Networks: backbones, classifier heads, domain discriminators, gradient reversal, batch norm over all ranks."""
