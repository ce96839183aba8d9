"""Learning: which family learns formation energies best, from how much data, and does it hold for what is new?"""
