"""The documents: OpenAPI, AsyncAPI and Swagger UI."""

from flask import Blueprint

bp = Blueprint("docs", __name__)
