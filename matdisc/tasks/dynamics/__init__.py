"""Dynamics: is the motion under a potential sound."""
