"""The random id of this database: another one means that clients' cursors belong to another history."""

from chatapp.state import on_reset
from chatapp.stores import meta as meta_store


class _Known:
    value: str | None = None


@on_reset
def reset() -> None:
    """Ask the database again."""
    _Known.value = None


def look_again() -> None:
    """Ask the database for it: an operator's command may have replaced it."""
    _Known.value = meta_store.find_or_make_epoch()


def current() -> str:
    """Return the database's epoch, made when it is first asked for."""
    if _Known.value is None:
        _Known.value = meta_store.find_or_make_epoch()
    return _Known.value


def renew() -> str:
    """Make every client start anew with this database; return the new epoch. Servers read it at their start."""
    _Known.value = meta_store.replace_epoch()
    return _Known.value
