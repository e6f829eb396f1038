"""Who comes: persons with their devices, places, intentions and current state.

Only per-person arrays and how they are drawn belong here; what persons do each
day is in `activity` and `subscriptions`, which also advance the state held here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingestion.simulator.seasons import COMMITTED_SHARE, Seasons
from ingestion.simulator.vocabulary import (
    BOT_CODE,
    CAMPAIGNS,
    CLIENTS,
    PLACES,
    REFERRAL_CAMPAIGN,
    ROLES,
)

BOT_COUNT = 4
REFERRED_SHARE = 0.12
SECOND_DEVICE_SHARE = 0.2
MAX_UPGRADE_LAG_DAYS = 30
NO_PLAN = 6
BYTES_PER_ID = 16


@dataclass
class Population:
    """Arrays by person number; the last `BOT_COUNT` entries of devices are bots.

    Persons are numbered by first day, so those alive on a day are a prefix.

    Attributes:
        first_day: day number of the first visit, non-decreasing.
        committed: means to sign up.
        referred: came because of an invitation, if one can be had.
        treated: in the treatment arm of the planted experiment.
        upgrade_lag: days this person's app is behind the latest release.
        place, campaign: codes of the vocabulary.
        device_client: client code by device number, 2 x person + slot.
        device_id: 16 random bytes by device number.
        has_second_device: uses slot 1 now and then once signed up.
        signed_up, role, plan, subscribed_day, ever_subscribed: current state;
            plan `NO_PLAN` is none.
    """

    first_day: NDArray[np.int32]
    committed: NDArray[np.bool_]
    referred: NDArray[np.bool_]
    treated: NDArray[np.bool_]
    upgrade_lag: NDArray[np.int16]
    place: NDArray[np.int8]
    campaign: NDArray[np.int8]
    device_client: NDArray[np.int8]
    device_id: NDArray[np.void]
    has_second_device: NDArray[np.bool_]
    signed_up: NDArray[np.bool_]
    role: NDArray[np.int8]
    plan: NDArray[np.int8]
    subscribed_day: NDArray[np.int32]
    ever_subscribed: NDArray[np.bool_]

    @property
    def size(self) -> int:
        """Number of persons, bots not counted."""
        return len(self.first_day)

    def alive(self, day: int) -> int:
        """How many persons have come by the end of a day."""
        return int(np.searchsorted(self.first_day, day, side="right"))


def draw_population(
    persons: int, seasons: Seasons, rng: np.random.Generator
) -> Population:
    """Draw all persons and the bots, nobody signed up yet."""
    arrivals = rng.multinomial(persons, seasons.acquisition)
    devices = 2 * (persons + BOT_COUNT)
    committed = rng.random(persons) < COMMITTED_SHARE
    referred = committed & (rng.random(persons) < REFERRED_SHARE)
    campaign = weighted(rng, CAMPAIGNS, persons)
    campaign[referred] = REFERRAL_CAMPAIGN
    client = weighted(rng, CLIENTS, devices)
    client[-2 * BOT_COUNT :] = BOT_CODE
    return Population(
        first_day=np.repeat(np.arange(len(arrivals), dtype=np.int32), arrivals),
        committed=committed,
        referred=referred,
        treated=rng.random(persons) < 0.5,
        upgrade_lag=rng.integers(0, MAX_UPGRADE_LAG_DAYS, persons).astype(np.int16),
        place=weighted(rng, PLACES, persons + BOT_COUNT),
        campaign=campaign,
        device_client=client,
        device_id=random_ids(rng, devices),
        has_second_device=rng.random(persons) < SECOND_DEVICE_SHARE,
        signed_up=np.zeros(persons, dtype=np.bool_),
        role=rng.choice(len(ROLES), persons, p=(0.6, 0.15, 0.15, 0.1)).astype(np.int8),
        plan=np.full(persons, NO_PLAN, dtype=np.int8),
        subscribed_day=np.zeros(persons, dtype=np.int32),
        ever_subscribed=np.zeros(persons, dtype=np.bool_),
    )


def weighted(
    rng: np.random.Generator, table: tuple[tuple[float, Any], ...], size: int
) -> NDArray[np.int8]:
    """Draw row numbers of a table by the weights in its first column."""
    bounds = np.cumsum([weight for weight, _ in table])
    draws = rng.random(size) * bounds[-1]
    row: NDArray[np.intp] = np.searchsorted(bounds, draws, side="right")
    return row.astype(np.int8)


def random_ids(rng: np.random.Generator, size: int) -> NDArray[np.void]:
    """Draw 128-bit identifiers."""
    return np.frombuffer(rng.bytes(BYTES_PER_ID * size), dtype=f"V{BYTES_PER_ID}")
