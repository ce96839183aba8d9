"""Learned models of ABX3 compounds that see the formula alone: features and the families of models on them."""
