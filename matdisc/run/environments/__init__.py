"""Environments for models whose packages conflict."""
