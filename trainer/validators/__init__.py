"""Numbers about a model: accuracies from labels, and (later) scores that need no target label."""
