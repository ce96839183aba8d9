"""Results on disk, submissions, and the static site."""
