"""The submission service: predictions arrive over HTTP, are evaluated against labels that stay, and are published."""
