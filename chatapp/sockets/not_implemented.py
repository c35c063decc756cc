"""Events of the contract that this version does not do yet: each says so, as ack and as its own error event."""

from typing import Any

from chatapp import errors
from chatapp.sockets.dispatch import Answer, Caller, event

_ERROR_EVENTS = {
    "user:block": "user:block:error",
    "user:unblock": "user:unblock:error",
    "story:post": "story:error",
    "story:view": "story:error",
    "story:delete": "story:error",
    "stories:get": "stories:error",
    "status:update": "status:error",
    "initiateCall": "callResponse",
    "answerCall": "callFailed",
    "declineCall": "callFailed",
    "endCall": "callFailed",
    "joinCallRoom": "callFailed",
    "webrtcOffer": "callFailed",
    "webrtcAnswer": "callFailed",
    "webrtcIce": "callFailed",
    "endCallRoom": "callFailed",
}


def _refuse(name: str) -> None:
    @event(name, failure=_ERROR_EVENTS[name], bare="ignored")
    def refuse(_: Caller, **__: Any) -> Answer:
        """Refuse an event that is not there yet with NOT_IMPLEMENTED."""
        raise errors.NotImplementedYet(errors.Code.NOT_IMPLEMENTED, f"{name} is not supported by this server yet")


for _name in _ERROR_EVENTS:
    _refuse(_name)
