"""Polymorphs: which candidate structure of a compound is the observed one."""
