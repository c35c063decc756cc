"""The plan of a run: how long people chat, on what, and what goes wrong meanwhile."""

from dataclasses import dataclass, field

from chatapp.lab.devices import KINDS


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The settings of a run. Without `url` the lab starts a server of its own, on `store_uri` or an embedded store.

    The chat ends after `sends` messages or `seconds`, or when every kind of fault has come `fault_rounds` times (0:
    they do not end it). `pause` is the time after which every member sends to each of their conversations again. Now
    and then the bus loses all that is said, and everybody is silent for `lull_seconds`, in which it has to be found.
    `kinds` are those of the devices. Of what passes between processes `bad_bus` is the share that is lost all the time,
    with as much that comes twice and as much that is overtaken.
    """

    seed: int = 1
    sends: int = 2_000
    seconds: float = 600
    people: int = 12
    conversations: int = 12
    fault_pause: float = 2.0
    fault_rounds: int = 0
    pause: float = 0.005
    faults: list[str] | None = None
    url: str | None = None
    store_uri: str | None = None
    database_control: str | None = None
    workers: int = 1
    machines: int = 1
    lull_seconds: float = 0
    kinds: tuple[str, ...] = KINDS
    bad_bus: float = 0.0
    sabotage: str = ""
    settings: dict[str, str] = field(default_factory=dict)
