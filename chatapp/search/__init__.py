"""Search in texts: their words as an index keeps them, queries, and the places of what was found. Pure functions."""
