"""Sync: give a client what it has missed. `answer` is the door."""
