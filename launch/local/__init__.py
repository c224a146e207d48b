"""Sweeps on this machine: one run a slot, a slot being a share of a GPU or some cores."""
