"""Discovery: which crystals are stable."""
