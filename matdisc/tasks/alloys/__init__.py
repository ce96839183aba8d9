"""Alloys: single-phase or not, fold by fold."""
