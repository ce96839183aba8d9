"""Molecules and liquids: species, packing, perturbed frames."""
