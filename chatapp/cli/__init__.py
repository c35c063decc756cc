"""The operator's commands: `flask --app wsgi COMMAND`. One file each; this package only puts them on the app."""

from flask import Flask

from chatapp.cli import (
    chaos,
    check_users,
    docs,
    doctor,
    events,
    media,
    migrate,
    new_epoch,
    processes,
    reindex,
    seed,
    verify,
)


def register(app: Flask) -> None:
    """Put the commands on the app."""
    for command in (
        migrate.migrate,
        seed.seed,
        check_users.check_users,
        docs.docs,
        doctor.doctor,
        events.events,
        verify.verify,
        verify.repair,
        chaos.chaos,
        new_epoch.new_epoch,
        processes.processes,
        media.media,
        reindex.reindex,
    ):
        app.cli.add_command(command)
