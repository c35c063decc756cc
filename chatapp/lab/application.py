"""The application that the lab's server runs: the real one, with a clock that can be set wrong, and with sabotage.

`gunicorn "chatapp.lab.application:make('/path/of/control.json')"`
"""

import json
from datetime import timedelta
from pathlib import Path

import gevent
from flask import Flask

from chatapp import clock, create_app
from chatapp.lab.sabotage import SABOTAGES

_LOOK_SECONDS = 0.1


def make(control: str) -> Flask:
    """The application, obeying the control file: `{"clock": seconds it is wrong by, "sabotage": name or ""}`."""
    path = Path(control)
    application = create_app()
    if name := json.loads(path.read_text())["sabotage"]:
        SABOTAGES[name]()
    _set_clock(path)
    gevent.spawn(_watch, path)
    return application


def _watch(path: Path) -> None:
    while True:
        gevent.sleep(_LOOK_SECONDS)
        _set_clock(path)


def _set_clock(path: Path) -> None:
    clock.set_wrong(timedelta(seconds=json.loads(path.read_text())["clock"]))
