"""The images, and the check that they build and run."""
