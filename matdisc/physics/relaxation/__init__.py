"""Geometry optimisation of atoms and cells."""
