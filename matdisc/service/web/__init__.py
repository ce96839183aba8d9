"""Pages of the service for people: log in, submit, follow the queue and a submission, review."""
