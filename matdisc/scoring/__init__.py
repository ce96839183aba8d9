"""From answers to metrics: alignment, scores, intervals, details."""
