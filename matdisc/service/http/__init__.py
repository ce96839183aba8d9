"""The HTTP interface of the service; it imports neither Ray nor models."""
