"""Phonons: harmonic spectra of crystals, and the heat capacity, entropy and free energy that follow from them."""
