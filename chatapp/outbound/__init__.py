"""Calls to addresses that users name: the public internet and what the operator allows, and nothing inside."""
