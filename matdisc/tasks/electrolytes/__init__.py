"""Electrolytes: properties of liquids from molecular dynamics."""
