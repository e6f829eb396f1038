"""The simulated product itself: a day's good events after another.

Memory holds the persons' arrays and the events of one day. Every random number
comes from the specification's seed, the stream and the day. Dirt, files and the
truth's counts belong to `simulation`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ingestion.simulator.activity import ClientDay, client_day
from ingestion.simulator.behaviours import flow_tables
from ingestion.simulator.clock import DAY, MINUTE, Day, midnight
from ingestion.simulator.consequences import Mailbox, consequences
from ingestion.simulator.invitations import Invitations
from ingestion.simulator.kinds import KIND
from ingestion.simulator.measures import measure
from ingestion.simulator.population import draw_population
from ingestion.simulator.rows import ROW, Rows
from ingestion.simulator.seasons import seasons
from ingestion.simulator.specification import SimulationSpec
from ingestion.simulator.subscriptions import subscription_day
from ingestion.simulator.visits import Sessions, plan_sessions, visitors

# Streams of random numbers.
PEOPLE, BEHAVIOUR, DIRT, ORDER = range(4)
# The last minute of the period is left free, so that all is received within it.
LAST_MARGIN = MINUTE
PILOT_PERSONS = 4_000
PILOT_FLOWS = 4.0


@dataclass(frozen=True)
class Pace:
    """How busy persons are.

    Attributes:
        activity: multiplies the chance of coming back on a day.
        flows: mean number of flows in a session after its opening.
    """

    activity: float = 1.0
    flows: float = 3.0


class Product:
    """The simulated product: its persons and everything that happens to them."""

    def __init__(self, spec: SimulationSpec, pace: Pace) -> None:
        self.spec = spec
        self.pace = pace
        self.start = midnight(spec.start)
        self.end = self.start + spec.days * DAY
        self.seasons = seasons(spec.start, spec.days)
        self.population = draw_population(
            spec.persons, self.seasons, self.random(PEOPLE)
        )
        self._tables = flow_tables()
        self._invitations = Invitations()
        self._mailbox = Mailbox()

    def random(self, stream: int, day: int = 0) -> np.random.Generator:
        """The generator of a stream and day."""
        return np.random.default_rng([self.spec.seed, stream, day])

    def days(self) -> Iterator[tuple[Day, Rows]]:
        """Each day with the good rows of its doings; some occur on later days."""
        horizon = self.end - LAST_MARGIN
        for number in range(self.spec.days):
            day = Day(number, self.start + number * DAY, horizon)
            rows = self._doings(day, self.random(BEHAVIOUR, number))
            yield day, rows[rows["occurred"] < horizon]

    def _doings(self, day: Day, rng: np.random.Generator) -> Rows:
        people = self.population
        visitor = visitors(day.number, people, self.seasons, self.pace.activity, rng)
        rows, wishes = np.zeros((2, 0), dtype=ROW)
        if len(visitor):
            sessions = plan_sessions(
                day.number, visitor, people, self._invitations, rng
            )
            client = client_day(
                day, sessions, self.pace.flows, self._tables, people, rng
            )
            self._number_invites(day.number, client, sessions)
            measure(client.rows, people, rng)
            rows, wishes = client.rows, client.rows[client.subscribes]
        rows = np.concatenate([rows, subscription_day(day, wishes, people, rng)])
        return np.concatenate([rows, consequences(rows, self._mailbox, rng)])

    def _number_invites(self, day: int, client: ClientDay, sessions: Sessions) -> None:
        rows = client.rows
        accepts = rows["kind"] == KIND["invite_accepted"]
        rows["number"][accepts] = sessions.invite[client.session[accepts]]
        rows["subject"][accepts] = sessions.inviter[client.session[accepts]]
        sends = rows["kind"] == KIND["invite_sent"]
        rows["number"][sends] = self._invitations.send(rows["person"][sends], day)


def paced(spec: SimulationSpec) -> Pace:
    """The pace that gives about `events_target` events.

    Measured on a small pilot of the same product: events are linear in the number
    of flows per session. Where that alone would make sessions absurdly short or
    long, persons come less or more often.
    """
    if spec.events_target is None:
        return Pace()
    pilot = replace(spec, persons=min(spec.persons, PILOT_PERSONS), events_target=None)
    wanted = spec.events_target * pilot.persons / spec.persons
    usual = _pilot_events(pilot, Pace())
    activity = float(np.clip(wanted / usual, 0.05, 3.0))
    short = _pilot_events(pilot, Pace(activity, 0.0))
    longer = _pilot_events(pilot, Pace(activity, PILOT_FLOWS))
    flows = PILOT_FLOWS * (wanted - short) / (longer - short)
    return Pace(activity, float(np.clip(flows, 0.0, 100.0)))


def _pilot_events(spec: SimulationSpec, pace: Pace) -> int:
    return sum(len(rows) for _, rows in Product(spec, pace).days())
