"""What several ranks cost: speed, CPU time, bytes and memory of one training step on 1, 2 and 4 ranks."""
