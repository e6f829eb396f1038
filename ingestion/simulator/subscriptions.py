"""Subscriptions from start to cancellation, a day at a time.

A person is charged by the server: starts, changes, renewals, cancellations and
their payments are events without a device. At most one change a person and day.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ingestion.simulator.clock import HOUR, SECOND, Day
from ingestion.simulator.kinds import KIND
from ingestion.simulator.population import NO_PLAN, Population
from ingestion.simulator.rows import Rows, server_rows
from ingestion.simulator.vocabulary import PLAN_WEIGHTS, PLANS

CANCEL_A_DAY = 0.003
UPGRADE_A_DAY = 0.002
DOWNGRADE_A_DAY = 0.001
PAYMENT_FAILS = 0.04
# A payment's subject: below zero, so that it is told from a course payment.
SUBSCRIPTION_PAYMENT = -1

BILLED = np.array([plan.billed_cents for plan in PLANS] + [0])
BILLING_DAYS = np.array([plan.billing_days for plan in PLANS] + [1])
LEVEL = np.array([plan.level for plan in PLANS] + [0])


def subscription_day(
    day: Day,
    subscribers_to_be: Rows,
    population: Population,
    rng: np.random.Generator,
) -> Rows:
    """All subscription and subscription payment events of a day.

    `subscribers_to_be` are client rows (in person and time order) after which a
    person without a subscription starts one.
    """
    member = np.flatnonzero(population.plan != NO_PLAN)
    starts = _starts(day.number, subscribers_to_be, population, rng)
    plan = population.plan[member].astype(np.int64)
    held = day.number - population.subscribed_day[member]
    is_due = (held > 0) & (held % BILLING_DAYS[plan] == 0)
    at = day.start + 6 * HOUR + rng.integers(0, 14 * HOUR, len(member))
    renewals = _renewals(member[is_due], plan[is_due], at[is_due], population, rng)
    changes = _changes(member[~is_due], plan[~is_due], at[~is_due], population, rng)
    return np.concatenate([starts, renewals, changes])


def _movement(
    rng: np.random.Generator,
    name: str,
    person: NDArray[np.intp],
    at: NDArray[np.int64],
    plans: tuple[NDArray[np.int64], NDArray[np.int64]],
    is_again: NDArray[np.bool_] | bool = False,
) -> Rows:
    """Subscription rows; `plans` are previous and new, number 1 is a comeback."""
    previous, new = plans
    return server_rows(
        rng,
        len(person),
        kind=KIND[name],
        person=person,
        occurred=at,
        subject=new + 8 * previous,
        number=is_again,
    )


def _payment(
    rng: np.random.Generator,
    name: str,
    person: NDArray[np.intp],
    at: NDArray[np.int64],
    plan: NDArray[np.int64],
) -> Rows:
    return server_rows(
        rng,
        len(person),
        kind=KIND[name],
        person=person,
        occurred=at,
        subject=SUBSCRIPTION_PAYMENT,
        number=BILLED[plan],
    )


def _starts(
    day: int, wishes: Rows, population: Population, rng: np.random.Generator
) -> Rows:
    free = wishes[population.plan[wishes["person"]] == NO_PLAN]
    person, first = np.unique(free["person"], return_index=True)
    at = free["occurred"][first] + 2 * SECOND
    plan = rng.choice(len(PLANS), len(person), p=PLAN_WEIGHTS)
    is_again = population.ever_subscribed[person]
    population.plan[person] = plan
    population.subscribed_day[person] = day
    population.ever_subscribed[person] = True
    none = np.full(len(person), NO_PLAN)
    started = _movement(rng, "subscription_started", person, at, (none, plan), is_again)
    paid = _payment(rng, "payment_succeeded", person, at + SECOND, plan)
    return np.concatenate([started, paid])


def _renewals(
    person: NDArray[np.intp],
    plan: NDArray[np.int64],
    at: NDArray[np.int64],
    population: Population,
    rng: np.random.Generator,
) -> Rows:
    """Paid periods go on; a payment that fails ends the subscription an hour later."""
    fails = rng.random(len(person)) < PAYMENT_FAILS
    pays = ~fails
    none = np.full(len(person), NO_PLAN)
    population.plan[person[fails]] = NO_PLAN
    ends = (plan[fails], none[fails])
    stays = (plan[pays], plan[pays])
    later = at + SECOND
    return np.concatenate(
        [
            _payment(rng, "payment_succeeded", person[pays], at[pays], plan[pays]),
            _movement(rng, "subscription_renewed", person[pays], later[pays], stays),
            _payment(rng, "payment_failed", person[fails], at[fails], plan[fails]),
            _movement(
                rng, "subscription_cancelled", person[fails], at[fails] + HOUR, ends
            ),
        ]
    )


def _changes(
    person: NDArray[np.intp],
    plan: NDArray[np.int64],
    at: NDArray[np.int64],
    population: Population,
    rng: np.random.Generator,
) -> Rows:
    draw = rng.random(len(person))
    bounds = np.cumsum([CANCEL_A_DAY, UPGRADE_A_DAY, DOWNGRADE_A_DAY])
    fate = np.searchsorted(bounds, draw, side="right")
    level = LEVEL[plan]
    # Plans of one billing period stand in order of level.
    moves = (
        ("subscription_cancelled", fate == 0, np.full(len(plan), NO_PLAN)),
        ("subscription_upgraded", (fate == 1) & (level < 2), plan + 1),
        ("subscription_downgraded", (fate == 2) & (level > 0), plan - 1),
    )
    rows = []
    for name, chosen, target in moves:
        population.plan[person[chosen]] = target[chosen]
        plans = (plan[chosen], target[chosen])
        rows.append(_movement(rng, name, person[chosen], at[chosen], plans))
    return np.concatenate(rows)
