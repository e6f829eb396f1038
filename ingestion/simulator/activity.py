"""The client's day: sessions filled with events at exact times.

Session boundaries are known exactly: pauses inside a session stay below 25
minutes, sessions of a person lie at least 36 minutes apart, and the last session of
a day ends before the first of the next day may begin (05:00).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingestion.simulator.behaviours import FLOW, FlowTables
from ingestion.simulator.clock import HOUR, MINUTE, SECOND, Day
from ingestion.simulator.kinds import KINDS
from ingestion.simulator.population import Population
from ingestion.simulator.rows import Rows, build_rows
from ingestion.simulator.visits import Sessions

RELEASE_DAYS = 21
LONGEST_PAUSE_SECONDS = 24 * 60
PAUSE_SIGMA = 0.9
LONGEST_SESSION = 2 * HOUR
LEAST_BREAK = 36 * MINUTE
MEAN_EXTRA_BREAK = 40 * MINUTE
MAX_EXTRA_BREAK = 84 * MINUTE
# Share of first sessions begun by each hour: evenings are busy, nights are quiet.
START_HOURS = (5.0, 7.0, 9.0, 12.0, 14.0, 17.0, 20.0, 22.0, 23.75)
START_SHARES = (0.0, 0.06, 0.17, 0.36, 0.47, 0.64, 0.87, 0.96, 1.0)
# Who comes several times starts by 14:00, so that the day can hold all sessions.
SHARE_BY_14 = 0.47


@dataclass(frozen=True)
class Steps:
    """Steps of flows, ordered by session and then time; one becomes one event.

    Attributes:
        session: position in the day's sessions.
        flow, step, kind: codes.
        subject: shared by the steps of one flow.
        opens: first of its session.
        known: after sign-up.
    """

    session: NDArray[np.int64]
    flow: NDArray[np.int64]
    step: NDArray[np.int64]
    kind: NDArray[np.int16]
    subject: NDArray[np.int64]
    opens: NDArray[np.bool_]
    known: NDArray[np.bool_]


@dataclass(frozen=True)
class ClientDay:
    """A day's client events.

    Attributes:
        rows: in person and time order, numbers not yet measured.
        session: position of each row's session in the day's sessions.
        subscribes: whether a row leads to a subscription.
    """

    rows: Rows
    session: NDArray[np.int64]
    subscribes: NDArray[np.bool_]


def client_day(
    day: Day,
    sessions: Sessions,
    mean_flows: float,
    tables: FlowTables,
    population: Population,
    rng: np.random.Generator,
) -> ClientDay:
    """The events of one day's sessions; sessions that pass the horizon are left out."""
    steps = _steps(sessions, mean_flows, tables, population, rng)
    occurred, fits = _times(day, steps, sessions, rng)
    session = steps.session
    person = sessions.person[session]
    lag = population.upgrade_lag[person]
    rows = build_rows(
        rng,
        len(session),
        occurred=occurred,
        subject=steps.subject,
        number=steps.step,
        person=person,
        device=sessions.device[session],
        kind=steps.kind,
        release=np.maximum(day.number - lag, 0) // RELEASE_DAYS,
        campaign=sessions.campaign[session],
        known=steps.known,
        opens=steps.opens,
    )
    is_last = steps.step == tables.length[steps.flow] - 1
    subscribes = is_last & (steps.flow == FLOW["subscribe"])
    keeps = fits[session]
    return ClientDay(rows[keeps], session[keeps], subscribes[keeps])


def position_in_group(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """0, 1, 2 … within each group of the given sizes."""
    ends = np.cumsum(sizes)
    return np.arange(sizes.sum()) - np.repeat(ends - sizes, sizes)


def _steps(
    sessions: Sessions,
    mean_flows: float,
    tables: FlowTables,
    population: Population,
    rng: np.random.Generator,
) -> Steps:
    """Let each session take its opening and then some flows, each to some depth."""
    count = 1 + rng.poisson(mean_flows, len(sessions.person))
    session = np.repeat(np.arange(len(count)), count)
    is_opening = position_in_group(count) == 0
    flow = _flows(session, is_opening, sessions, tables, population, rng)
    reaches = rng.random(len(flow))[:, None] < tables.survival[flow]
    subject = rng.integers(0, 1 << 62, len(flow))
    depth = reaches.sum(axis=1)
    taken = np.repeat(np.arange(len(flow)), depth)
    step = position_in_group(depth)
    session, flow = session[taken], flow[taken]
    opens = is_opening[taken] & (step == 0)
    return Steps(
        session=session,
        flow=flow,
        step=step,
        kind=tables.kinds[flow, step],
        subject=subject[taken],
        opens=opens,
        # Who signs up is known from the second step of that opening on.
        known=sessions.known[session] | (sessions.signs_up[session] & ~opens),
    )


def _flows(
    session: NDArray[np.int64],
    is_opening: NDArray[np.bool_],
    sessions: Sessions,
    tables: FlowTables,
    population: Population,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    draw = rng.random(len(session))
    flow = np.where(
        (sessions.known | sessions.signs_up)[session],
        np.searchsorted(tables.known, draw, side="right"),
        np.searchsorted(tables.anonymous, draw, side="right"),
    )
    treated = population.treated[sessions.person[session]]
    flow[(flow == FLOW["purchase"]) & treated] = FLOW["purchase_treated"]
    return np.where(is_opening, sessions.opening[session], flow)


def _times(
    day: Day, steps: Steps, sessions: Sessions, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """When each step occurs, and which sessions end before the horizon."""
    first = np.flatnonzero(steps.opens)
    last = np.append(first[1:], len(steps.opens)) - 1
    median = np.array([kind.gap_seconds for kind in KINDS])[steps.kind]
    pause = median * np.exp(PAUSE_SIGMA * rng.standard_normal(len(median)))
    pause = np.rint(SECOND * np.clip(pause, 0.05, LONGEST_PAUSE_SECONDS))
    elapsed = np.cumsum(pause)
    elapsed -= elapsed[first][steps.session]
    length = elapsed[last]
    # A long session is told faster rather than cut, so that no chain loses its end.
    squeeze = np.minimum(1.0, LONGEST_SESSION / np.maximum(length, 1.0))
    start = _starts(sessions, np.ceil(length * squeeze), rng)
    offset = elapsed * squeeze[steps.session]
    occurred = day.start + (start[steps.session] + offset).astype(np.int64)
    return occurred, occurred[last] < day.horizon


def _starts(
    sessions: Sessions, length: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    share = rng.random(len(length)) * np.where(sessions.has_more, SHARE_BY_14, 1.0)
    start = np.rint(HOUR * np.interp(share, START_SHARES, START_HOURS))
    extra = np.minimum(rng.exponential(MEAN_EXTRA_BREAK, len(length)), MAX_EXTRA_BREAK)
    rest = LEAST_BREAK + np.rint(extra)
    for ordinal in (1, 2):
        at = np.flatnonzero(sessions.ordinal == ordinal)
        start[at] = start[at - 1] + length[at - 1] + rest[at]
    return start
