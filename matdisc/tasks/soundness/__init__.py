"""Soundness: does a potential keep the laws that every potential has to keep?"""
