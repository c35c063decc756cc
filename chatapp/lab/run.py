"""One run of the delivery lab: people who chat while faults are injected, and the judgement at the end."""

import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import gevent
from gevent.pool import Group

from chatapp.lab.bad_bus import ALL, WHOLE
from chatapp.lab.checker import judge
from chatapp.lab.devices import Device
from chatapp.lab.faults import Places, Schedule
from chatapp.lab.histories import fetch_histories
from chatapp.lab.installation import Installation
from chatapp.lab.lateness import SILENT_BUS
from chatapp.lab.people import People
from chatapp.lab.plan import Plan
from chatapp.lab.reactions import EMOJI
from chatapp.lab.records import Records
from chatapp.lab.verdict import Verdict

_LULLS_APART = 6  # times as long as one lasts
_LAST_WORD_SECONDS = 2.5
_SETTLE_SECONDS = 120
_READS_A_SECOND = 20
_ACTS_A_SECOND = 10  # edits, deletions, reactions, pins, and what is one's own
_DRAFTS_A_SECOND = 5  # of messages that are on their way, or were sent lately
_ACTED_ON, _DRAFTED = 1_000, 20  # of the newest messages
Told = Callable[[str], None]


def run(plan: Plan, told: Told = lambda _: None) -> Verdict:
    """Carry the plan out: chat under faults, let everything settle, judge. `told` hears of the progress."""
    with tempfile.TemporaryDirectory(prefix="chatapp-lab-") as folder:
        return Run(plan, Path(folder), told).carry_out()


class Run:
    """The run of a plan, in a folder of its own."""

    def __init__(self, plan: Plan, folder: Path, told: Told) -> None:
        self.plan, self.told, self.records = plan, told, Records()
        self.installation = Installation(plan, folder)
        self.people = People(plan, self.installation, self.records)
        self._doing = Group()  # what people do beside sending

    def carry_out(self) -> Verdict:
        """Start, chat, settle, judge, and clean up whatever happens."""
        places = self._places()
        schedule = Schedule(places, self.plan.seed, self.plan.fault_pause, self.plan.faults)
        try:
            self.installation.start()
            self.people.come()
            places.token = self.people.users[0][1]
            injecting = gevent.spawn(schedule.run)
            self._chat(schedule)
            schedule.stop()
            injecting.join()
            injecting.get()
            self._settle()
            return self._judge()
        finally:
            for device in self.people.devices:
                device.stop()
            self.installation.stop()

    def _places(self) -> Places:
        """Return the places where a fault may be injected."""
        here, control = self.installation, self.plan.database_control
        return Places(here.networks, here.servers, self.records, here.database, control, here.redis)

    def _chat(self, schedule: Schedule) -> None:
        """Let the devices send until there are enough messages or faults or no time is left, as fast as acks allow."""
        deadline, told_at = time.monotonic() + self.plan.seconds, time.monotonic()
        fault_rounds = self.plan.fault_rounds or math.inf
        by_user: dict[str, list[Device]] = {}
        for device in self.people.devices:
            by_user.setdefault(device.user_id, []).append(device)
        writers = [(conversation, user) for conversation, members in self.people.members.items() for user in members]
        chosen = {pair: self.people.chance.choice(by_user[pair[1]]) for pair in writers}
        churning = gevent.spawn(self.people.churn)
        lull_at = time.monotonic() + self.plan.lull_seconds
        while (
            len(self.records.sends) < self.plan.sends and schedule.rounds < fault_rounds and time.monotonic() < deadline
        ):
            for pair, device in chosen.items():
                if device.waiting_in(pair[0]) < 2 and len(self.records.sends) < self.plan.sends:
                    device.send(pair[0])
            if self.people.chance.random() < _READS_A_SECOND * self.plan.pause:
                (conversation, _), device = self.people.chance.choice(list(chosen.items()))
                self._doing.spawn(device.read, conversation)
            if self.people.chance.random() < _ACTS_A_SECOND * self.plan.pause:
                self._act(by_user)
            if self.records.sends and self.people.chance.random() < _DRAFTS_A_SECOND * self.plan.pause:
                row = self.people.chance.choice(self.records.sends[-_DRAFTED:])
                self._doing.spawn(self.people.chance.choice(by_user[row.sender]).acts.keep_draft, row)
            if time.monotonic() - told_at > 5:
                told_at = time.monotonic()
                self.told(f"{len(self.records.sends)} sends, faults: {self.records.faults}")
            gevent.sleep(self.plan.pause)
            if self.plan.lull_seconds and time.monotonic() > lull_at:
                churning.kill()
                self._fall_silent(chosen)
                churning = gevent.spawn(self.people.churn)
                lull_at = time.monotonic() + _LULLS_APART * self.plan.lull_seconds
        churning.kill()

    def _act(self, by_user: dict[str, list[Device]]) -> None:
        """Let somebody edit, delete, pin or react to one of the messages sent lately, on any of their devices."""
        sent = [row for row in self.records.sends[-_ACTED_ON:] if row.outcome == "ok"]
        if sent:
            chance = self.people.chance
            row = chance.choice(sent)
            reader = chance.choice(by_user[chance.choice(self.people.members[row.conversation])])
            what = chance.random()
            if what < 0.2:
                self._doing.spawn(reader.acts.pin, row, on=chance.random() < 0.6)
            elif what < 0.4:
                self._doing.spawn(reader.acts.change_private, row)
            elif what < 0.7:
                self._doing.spawn(reader.acts.react, row, chance.choice(EMOJI), on=chance.random() < 0.7)
            else:
                device = chance.choice(by_user[row.sender])
                self._doing.spawn(device.acts.change, row, deletes=chance.random() < 0.3)

    def _fall_silent(self, chosen: dict[tuple[str, str], Device]) -> None:
        """Let everybody say a last message that the bus loses, with the receipts that follow, and be silent: nothing
        betrays the loss then. Before it all have heard all, or a process would look for what it knows to be missing."""
        self.installation.hold_bus(WHOLE)
        self._wait_for_answers()
        gevent.sleep(_LAST_WORD_SECONDS)
        with self.records.fault(SILENT_BUS):
            self.installation.hold_bus(ALL)
            for pair, device in chosen.items():
                device.send(pair[0])
            self._wait_for_answers()
            gevent.sleep(_LAST_WORD_SECONDS)
            self.installation.hold_bus(None)
        gevent.sleep(self.plan.lull_seconds)

    def _wait_for_answers(self) -> None:
        """Wait until everything that was said and done is answered."""
        with gevent.Timeout(_SETTLE_SECONDS, False):
            while any(device.unsent for device in self.people.devices):
                gevent.sleep(0.1)
            self._doing.join()

    def _settle(self) -> None:
        """Let all that waits be sent and every device catch up, without faults."""
        self.told("no more faults; waiting for what is under way")
        self.installation.mend()
        self._wait_for_answers()
        gevent.sleep(1)  # what was sent twice at once arrives
        self.people.catch_up()

    def _judge(self) -> Verdict:
        """Compare what the devices have with the histories, and look at the store."""
        self.told("fetching the histories")
        verdict = judge(self.records, fetch_histories(self.people))
        if self.installation.servers:
            self.told("verifying the store")
            tracebacks, faults = self.installation.verify()
            verdict.tracebacks += tracebacks
            verdict.store += faults
        return verdict
