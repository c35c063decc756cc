"""Work in a thread beside the event loop."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import gevent

P = ParamSpec("P")
R = TypeVar("R")


def in_thread(work: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
    """Return what `work` returns, done in a thread beside the event loop: work on files waits for the disk."""
    result, error = gevent.get_hub().threadpool.apply(_outcome, (work, arguments, named))
    if error is not None:
        raise error
    done: R = result
    return done


def _outcome(work: Callable[..., R], arguments: Any, named: Any) -> tuple[R | None, Exception | None]:
    """Return the result or the error: gevent would print an error, whoever expects it."""
    try:
        return work(*arguments, **named), None
    except Exception as error:
        return None, error
