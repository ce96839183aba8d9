"""Leakage: what a test set shares with training data, and what columns give away."""
