"""Relaxation: structures from perturbed starts."""
