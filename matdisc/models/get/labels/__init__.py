"""Labels from quantum chemistry for GET."""
