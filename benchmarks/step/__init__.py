"""What a training step costs, side by side: python -m benchmarks.step (make bench, make bench-gpu)."""
