"""Equations of state: how the energy of a crystal depends on its volume."""
