"""Measurements as ratios within one run; nothing here passes or fails on absolute time."""
