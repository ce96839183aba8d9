"""Scripts and manifests that take a command to a cluster."""
