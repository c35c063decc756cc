"""The application that the lab's server runs: the real one, with a clock that can be set wrong, a bus that can be bad,
and with sabotage.

`gunicorn "chatapp.lab.application:make('/path/of/control.json')"`
"""

import json
import os
from datetime import timedelta
from pathlib import Path

import gevent
from flask import Flask

from chatapp import clock, create_app
from chatapp.lab.bad_bus import BadBus
from chatapp.lab.sabotage import SABOTAGES, SABOTAGES_OF_SEVERAL
from chatapp.lab.server import LOOK_SECONDS
from chatapp.server import processes


def make(control: str) -> Flask:
    """Return an application that obeys its control file: `{"clock": seconds it is off, "sabotage": name or "",
    "bad_bus": share}`. Beside it each of several workers writes its name, to `worker-<process id>`."""
    path, bus = Path(control), BadBus()
    application = create_app()
    bus.install()
    if name := json.loads(path.read_text())["sabotage"]:
        (SABOTAGES | SABOTAGES_OF_SEVERAL)[name]()
    _obey(path, bus)
    gevent.spawn(_watch, path, bus)
    return application


def _watch(path: Path, bus: BadBus) -> None:
    card = path.with_name(f"worker-{os.getpid()}")
    while True:
        gevent.sleep(LOOK_SECONDS / 2)
        _obey(path, bus)
        if processes.name() and not card.exists():
            card.write_text(processes.name())


def _obey(path: Path, bus: BadBus) -> None:
    wanted = json.loads(path.read_text())
    clock.set_wrong(timedelta(seconds=wanted["clock"]))
    bus.share = wanted["bad_bus"]
