"""Perovskites: energies, gaps and crystal systems of ABX3 from the formula alone, out of fold."""
