"""The machinery around the trainer: sweeps, launchers and reports. Never imports torch."""
