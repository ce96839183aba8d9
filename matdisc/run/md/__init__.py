"""Molecular dynamics on a cluster."""
