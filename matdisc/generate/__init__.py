"""Programs that made the frozen tables of `datasets/`; run once, kept so that anyone can run them again."""
