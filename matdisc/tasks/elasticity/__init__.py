"""Elasticity: elastic tensors of relaxed crystals, and the moduli that follow."""
