"""Rows that others have published: read from their files, checked against themselves, never scored."""
