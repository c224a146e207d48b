"""A distributed trainer for unsupervised domain adaptation of image classifiers."""
