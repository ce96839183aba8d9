"""Training of GET."""
