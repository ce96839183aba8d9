"""Mixing of metals: hulls, tables, Miedema."""
