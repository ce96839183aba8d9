"""Thermal conductivity: how well a crystal's vibrations carry heat, mode by mode."""
