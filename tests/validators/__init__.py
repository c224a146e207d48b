"""Tests of trainer/validators/."""
