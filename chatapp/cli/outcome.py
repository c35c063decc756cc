"""The failures of commands: one sentence and an exit code, never a traceback for what an operator can mend."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from chatapp import errors


def plain_failures(command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a command: an error of the family (a database that is down) becomes one sentence and exit code 1."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except click.exceptions.Exit:
            raise
        except Exception as error:  # what is known becomes a sentence; anything else is raised again
            known = errors.from_exception(error)
            if known.code == errors.Code.INTERNAL_ERROR:
                raise
            raise click.ClickException(known.message) from None

    return run
