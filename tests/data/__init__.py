"""Tests of trainer/data."""
