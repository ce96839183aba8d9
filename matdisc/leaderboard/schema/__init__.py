"""Files of a board as pydantic models."""
