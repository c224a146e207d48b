"""Data sets, list files and input pipelines."""
