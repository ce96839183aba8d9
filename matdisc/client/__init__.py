"""Talking to a submission service over HTTP: sending predictions, watching them, fetching results."""
