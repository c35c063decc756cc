"""The operator's commands."""

from flask import Flask


def register(app: Flask) -> None:
    """Put the commands on the app."""
