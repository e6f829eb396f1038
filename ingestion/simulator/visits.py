"""Who visits on a day, and the sessions of these visits before their events.

The first half of a client's day; `activity` fills the sessions with events.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingestion.simulator.behaviours import FLOW
from ingestion.simulator.invitations import Invitations
from ingestion.simulator.population import Population, weighted
from ingestion.simulator.seasons import CASUAL, COMMITTED, Seasons
from ingestion.simulator.vocabulary import CAMPAIGNS, DIRECT_CAMPAIGN

MAX_DAILY_CHANCE = 0.95
SECOND_SESSION_SHARE = 0.2
THIRD_SESSION_SHARE = 0.05
SIGN_UP_AT_FIRST_VISIT = 0.5
SIGN_UP_LATER = 0.35
LOG_IN_SHARE = 0.2
SECOND_DEVICE_USE = 0.35
DIRECT_RETURN_SHARE = 0.8


@dataclass(frozen=True)
class Sessions:
    """The sessions of one day, ordered by person and then time.

    Attributes:
        person: person number.
        ordinal: 0, 1 or 2 within the person's day.
        has_more: whether the person has several sessions on this day.
        known: already signed up when it starts.
        signs_up: signs up in this session.
        opening: flow code of its opening.
        device, campaign: codes.
        invite, inviter: of the invitation accepted; -1 when none.
    """

    person: NDArray[np.intp]
    ordinal: NDArray[np.int64]
    has_more: NDArray[np.bool_]
    known: NDArray[np.bool_]
    signs_up: NDArray[np.bool_]
    opening: NDArray[np.int64]
    device: NDArray[np.int64]
    campaign: NDArray[np.int8]
    invite: NDArray[np.int64]
    inviter: NDArray[np.int64]


def visitors(
    day: int,
    population: Population,
    seasons: Seasons,
    activity: float,
    rng: np.random.Generator,
) -> NDArray[np.intp]:
    """Persons active on a day: all newcomers, others by their retention curve."""
    alive = population.alive(day)
    age = day - population.first_day[:alive]
    ages = np.arange(day + 1)
    factor = activity * seasons.engagement[day]
    chances = [
        np.minimum(curve.at(ages) * factor, MAX_DAILY_CHANCE)
        for curve in (CASUAL, COMMITTED)
    ]
    by_age = np.where(ages == 0, 1.0, np.stack(chances))
    chance = by_age[population.committed[:alive].astype(np.int8), age]
    return np.flatnonzero(rng.random(alive) < chance)


def plan_sessions(
    day: int,
    visitor: NDArray[np.intp],
    population: Population,
    invitations: Invitations,
    rng: np.random.Generator,
) -> Sessions:
    """Cut the visits into sessions and decide how each begins.

    Marks those who sign up as signed up and uses up the invitations accepted.
    """
    is_new = population.first_day[visitor] == day
    draw = rng.random(len(visitor))
    extra = (draw < SECOND_SESSION_SHARE).astype(int) + (draw < THIRD_SESSION_SHARE)
    count = np.where(is_new, 1, 1 + extra)
    person = np.repeat(visitor, count)
    ordinal = np.arange(len(person)) - np.repeat(np.cumsum(count) - count, count)
    is_first_visit = np.repeat(is_new, count)
    signs_up = _sign_ups(person, ordinal, is_first_visit, population, rng)
    known = population.signed_up[person] & ~signs_up
    invite, inviter = _accepted(
        signs_up & population.referred[person], day, invitations, rng
    )
    return Sessions(
        person=person,
        ordinal=ordinal,
        has_more=np.repeat(count > 1, count),
        known=known,
        signs_up=signs_up,
        opening=_openings(known, signs_up, invite >= 0, rng),
        device=_devices(person, known, population, rng),
        campaign=_campaigns(person, is_first_visit, population, rng),
        invite=invite,
        inviter=inviter,
    )


def _sign_ups(
    person: NDArray[np.intp],
    ordinal: NDArray[np.int64],
    is_first_visit: NDArray[np.bool_],
    population: Population,
    rng: np.random.Generator,
) -> NDArray[np.bool_]:
    chance = np.where(is_first_visit, SIGN_UP_AT_FIRST_VISIT, SIGN_UP_LATER)
    may = population.committed[person] & ~population.signed_up[person]
    signs_up = may & (ordinal == 0) & (rng.random(len(person)) < chance)
    population.signed_up[person[signs_up]] = True
    return np.asarray(signs_up)


def _accepted(
    wants: NDArray[np.bool_],
    day: int,
    invitations: Invitations,
    rng: np.random.Generator,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    invite, inviter = np.full((2, len(wants)), -1)
    session = np.flatnonzero(wants)
    numbers, inviters = invitations.accept(len(session), day, rng)
    invite[session[: len(numbers)]] = numbers
    inviter[session[: len(numbers)]] = inviters
    return invite, inviter


def _openings(
    known: NDArray[np.bool_],
    signs_up: NDArray[np.bool_],
    invited: NDArray[np.bool_],
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    logs_in = known & (rng.random(len(known)) < LOG_IN_SHARE)
    return np.select(
        [invited, signs_up, logs_in],
        [FLOW["invited_sign_up"], FLOW["sign_up"], FLOW["log_in"]],
        FLOW["visit"],
    )


def _devices(
    person: NDArray[np.intp],
    known: NDArray[np.bool_],
    population: Population,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    elsewhere = rng.random(len(person)) < SECOND_DEVICE_USE
    return 2 * person + (known & elsewhere & population.has_second_device[person])


def _campaigns(
    person: NDArray[np.intp],
    is_first_visit: NDArray[np.bool_],
    population: Population,
    rng: np.random.Generator,
) -> NDArray[np.int8]:
    again = weighted(rng, CAMPAIGNS, len(person))
    again[rng.random(len(person)) < DIRECT_RETURN_SHARE] = DIRECT_CAMPAIGN
    return np.where(is_first_visit, population.campaign[person], again)
