"""Vacancies: what does it cost to take an atom out of a crystal?"""
