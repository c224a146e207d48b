"""MLflow's web pages on a finished sweep, in a headless Chromium."""
