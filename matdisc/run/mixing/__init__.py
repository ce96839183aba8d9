"""Mixing energies of pairs of metals on a cluster."""
