"""The token pairs of a session: which are good, which were killed, which comes next.

A refresh makes the next pair. A repeat of it (its answer was lost, or the refresh token was copied) makes a pair of its
own, a sibling. The first of the siblings that is used is the session's; the others are killed, and whoever comes with
one of those shows that two have had the same refresh token.

A pair has a number, `branch * STEP + rotation`: siblings have the same rotation. The numbers of branch 0 are those of
sessions from before there were branches. The state, `refresh` in a session: `{generation, hash, previous_hash,
rotated_at, confirmed_at?, previous?, first_branch?}`. `generation` is the newest pair's number, and the used one's
from `confirmed_at` on; `hash` is its refresh token's digest; `previous` is the number of the pair before.
"""

from datetime import datetime
from enum import Enum

from bson import ObjectId

from chatapp.services.accounts import tokens
from chatapp.stores.documents.sessions import RefreshState

STEP = 1_000_000
MOST_UNUSED = 5
_MOST_BRANCHES = 999


class Standing(Enum):
    """The meaning of a token that is shown: its pair is in use, is used for the first time, or was killed."""

    GOOD = "good"
    FIRST_USE = "first use"
    KILLED = "killed"


def first(session_id: ObjectId, now: datetime) -> RefreshState:
    """Return the state of a new session."""
    return _state(session_id, 0, now, previous_hash=None)


def after(session_id: ObjectId, pair: int, now: datetime) -> RefreshState:
    """Return the state after a refresh with this pair's token."""
    previous_hash = tokens.digest(tokens.refresh_token(session_id, pair))
    return _state(session_id, pair % STEP + 1, now, previous_hash=previous_hash) | {"previous": pair}


def sibling(session_id: ObjectId, state: RefreshState) -> RefreshState | None:
    """Return the state after a repeat of the last refresh; None when there were too many."""
    pair = state["generation"] + STEP
    if pair // STEP > _MOST_BRANCHES:
        return None
    return state | {
        "generation": pair,
        "hash": tokens.digest(tokens.refresh_token(session_id, pair)),
        "first_branch": _first_branch(state),
    }


def _state(session_id: ObjectId, pair: int, now: datetime, previous_hash: str | None) -> RefreshState:
    return {
        "generation": pair,
        "hash": tokens.digest(tokens.refresh_token(session_id, pair)),
        "previous_hash": previous_hash,
        "rotated_at": now,
        "first_branch": 0,
    }


def standing(state: RefreshState, pair: int) -> Standing:
    """Return the standing of this pair, whose access token was shown."""
    rotation, present = pair % STEP, state["generation"] % STEP
    if rotation == present:
        if state.get("confirmed_at") is not None:
            return Standing.GOOD if pair == state["generation"] else Standing.KILLED
        return Standing.FIRST_USE if pair in _unused(state) else Standing.KILLED
    previous = state.get("previous")
    is_killed = previous is not None and rotation == previous % STEP and pair != previous
    return Standing.KILLED if is_killed else Standing.GOOD


def is_present(state: RefreshState, pair: int) -> bool:
    """Return whether the refresh token of this pair may be exchanged."""
    return pair == state["generation"] if state.get("confirmed_at") is not None else pair in _unused(state)


def _unused(state: RefreshState) -> range:
    newest = state["generation"]
    oldest = max(_first_branch(state), newest // STEP - MOST_UNUSED + 1)
    return range(oldest * STEP + newest % STEP, newest + 1, STEP)


def _first_branch(state: RefreshState) -> int:
    """Return the first branch of the state; an older server beside this one goes on in the branch that it finds."""
    branch: int = state.get("first_branch", state["generation"] // STEP)
    return branch
