"""Static: energies, forces and stresses of given structures."""
