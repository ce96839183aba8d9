"""Quantum-chemical labels on a cluster."""
