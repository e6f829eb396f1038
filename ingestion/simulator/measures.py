"""The `number` of each kind that has one: prices, timings, scores, points.

Amounts and timings are hundredths (cents, hundredths of a millisecond). Kinds not
listed here carry the step within their flow.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ingestion.simulator.kinds import KIND
from ingestion.simulator.population import Population
from ingestion.simulator.rows import Rows
from ingestion.simulator.vocabulary import (
    COURSE_COUNT,
    COURSE_PLAN_PERCENT,
    ENDPOINTS,
    ROLES,
    SLOW_ENDPOINT,
)

Ints = NDArray[np.int64]
Measure = Callable[[np.random.Generator, Ints, Ints, Population], Ints]

PAGE_MEDIAN_MS = 850.0
API_MEDIAN_MS = 110.0
SLOW_API_MEDIAN_MS = 950.0
TIMING_SIGMA = 0.5
NPS_WEIGHTS = (2, 1, 1, 2, 3, 6, 8, 14, 22, 20, 21)
COUPON_PERCENT = (100, 100, 100, 90, 80)


def price_cents(subject: Ints) -> Ints:
    """Price of an order: course, plan and coupon all follow from its number."""
    course = 2_490 + (subject % COURSE_COUNT) * 137
    percent = np.array(COURSE_PLAN_PERCENT)[(subject >> 8) % len(COURSE_PLAN_PERCENT)]
    coupon = np.array(COUPON_PERCENT)[(subject >> 16) % len(COUPON_PERCENT)]
    price: Ints = course * percent // 100 * coupon // 100
    return price


def _price(_: np.random.Generator, subject: Ints, __: Ints, ___: Population) -> Ints:
    return price_cents(subject)


def _page_ms(rng: np.random.Generator, subject: Ints, _: Ints, __: Population) -> Ints:
    return _timing(rng, np.full(len(subject), PAGE_MEDIAN_MS))


def _api_ms(rng: np.random.Generator, subject: Ints, _: Ints, __: Population) -> Ints:
    slow = subject % len(ENDPOINTS) == ENDPOINTS.index(SLOW_ENDPOINT)
    return _timing(rng, np.where(slow, SLOW_API_MEDIAN_MS, API_MEDIAN_MS))


def _timing(rng: np.random.Generator, median_ms: NDArray[np.float64]) -> Ints:
    noise = np.exp(TIMING_SIGMA * rng.standard_normal(len(median_ms)))
    return np.rint(100 * median_ms * noise).astype(np.int64)


def _score(rng: np.random.Generator, subject: Ints, _: Ints, __: Population) -> Ints:
    return np.clip(rng.normal(7_200, 1_200, len(subject)), 0, 10_000).astype(np.int64)


def _risk(rng: np.random.Generator, subject: Ints, _: Ints, __: Population) -> Ints:
    return (10_000 * rng.beta(2.2, 2.0, len(subject))).astype(np.int64)


def _nps(rng: np.random.Generator, subject: Ints, _: Ints, __: Population) -> Ints:
    weights = np.array(NPS_WEIGHTS) / sum(NPS_WEIGHTS)
    return 100 * rng.choice(len(weights), len(subject), p=weights)


def _role(_: np.random.Generator, __: Ints, person: Ints, who: Population) -> Ints:
    return who.role[person].astype(np.int64)


def _migration(
    rng: np.random.Generator, subject: Ints, person: Ints, who: Population
) -> Ints:
    source = who.role[person].astype(np.int64)
    target = (source + 1 + subject % (len(ROLES) - 1)) % len(ROLES)
    succeeded = (rng.random(len(subject)) < 0.8).astype(np.int64)
    days = 1 + rng.poisson(6, len(subject))
    return source + 4 * target + 16 * succeeded + 32 * days


def _points(rng: np.random.Generator, subject: Ints, _: Ints, __: Population) -> Ints:
    return 10 * rng.integers(1, 51, len(subject))


def _arm(_: np.random.Generator, __: Ints, person: Ints, who: Population) -> Ints:
    return who.treated[person].astype(np.int64)


MEASURES: dict[int, Measure] = {
    KIND["checkout_started"]: _price,
    KIND["purchase_completed"]: _price,
    KIND["page_loaded"]: _page_ms,
    KIND["api_called"]: _api_ms,
    KIND["video_analyzed"]: _score,
    KIND["assessment_completed"]: _risk,
    KIND["survey_answered"]: _nps,
    KIND["story_started"]: _role,
    KIND["story_completed"]: _role,
    KIND["role_migrated"]: _migration,
    KIND["challenge_completed"]: _points,
    KIND["experiment_exposed"]: _arm,
}


def measure(rows: Rows, population: Population, rng: np.random.Generator) -> None:
    """Give client rows the numbers of their kinds and let roles migrate."""
    _one_migration_a_day(rows)
    for kind, draw in MEASURES.items():
        at = np.flatnonzero(rows["kind"] == kind)
        rows["number"][at] = draw(
            rng, rows["subject"][at], rows["person"][at], population
        )
    moves = rows[rows["kind"] == KIND["role_migrated"]]
    moved = moves[(moves["number"] >> 4) & 1 == 1]
    population.role[moved["person"]] = (moved["number"] >> 2) & 3


def _one_migration_a_day(rows: Rows) -> None:
    """Turn a person's further migrations of the day into mere feature use."""
    at = np.flatnonzero(rows["kind"] == KIND["role_migrated"])
    _, first = np.unique(rows["person"][at], return_index=True)
    rows["kind"][np.delete(at, first)] = KIND["feature_used"]
