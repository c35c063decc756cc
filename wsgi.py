"""The WSGI entry point: patch first, so that everything imported afterwards is cooperative."""

import sys

from gevent import monkey

monkey.patch_all()

from chatapp import create_app, create_app_to_examine  # noqa: E402
from config import ConfigError  # noqa: E402

try:
    app = create_app()
except ConfigError as error:
    if "doctor" not in sys.argv:
        sys.exit(str(error))
    app = create_app_to_examine(error)
