"""Alembic's revisions of the service's tables."""
