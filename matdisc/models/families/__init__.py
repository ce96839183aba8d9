"""The families of the field, each trainable on crystals and formation energies under one protocol."""
