"""Dimers: curves of energy against distance for two atoms of one element."""
