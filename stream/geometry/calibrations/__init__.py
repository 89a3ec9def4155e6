"""Calibration files as the tools write them: one module for each format."""
