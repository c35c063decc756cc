"""The version of the server, the SDK and the web app, which are released together."""

__version__ = "0.1.0"
