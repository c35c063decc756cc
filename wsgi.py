"""The WSGI entry point: patch first, so that everything imported afterwards is cooperative."""

import os
import sys

from gevent import monkey

monkey.patch_all()

from chatapp import create_app, create_app_to_examine  # noqa: E402
from config import ConfigError  # noqa: E402


def is_doctor() -> bool:
    """Return whether this is `flask doctor`: it examines settings with which nothing else may start."""
    return os.environ.get("FLASK_RUN_FROM_CLI") == "true" and "doctor" in sys.argv


try:
    app = create_app()
except ConfigError as error:
    if not is_doctor():
        sys.exit(str(error))
    app = create_app_to_examine(error)
