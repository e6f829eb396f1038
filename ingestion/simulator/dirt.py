"""What goes wrong between client and file: lateness, repeats, bots, broken lines.

Works on a day's good rows and never alters what a good event says, so that the
truth holds with any dirt. Order within a file is disturbed where files are written.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from ingestion.simulator.clock import DAY, HOUR, SECOND, Day
from ingestion.simulator.kinds import KIND
from ingestion.simulator.population import BOT_COUNT, random_ids
from ingestion.simulator.rows import CUT_OFF, NAMELESS, UNDATED, Rows, build_rows
from ingestion.simulator.specification import Dirt

FLAWS = {CUT_OFF: "cut_off", NAMELESS: "nameless", UNDATED: "undated"}
# Parquet cannot hold half a line.
PARQUET_FLAWS = (NAMELESS, UNDATED)
LEAST_LATENESS = HOUR
GREATEST_LATENESS = 3 * DAY
LONGEST_RETRY = 6 * HOUR
# Only events with this much of the period left can arrive late within it.
ROOM_FOR_LATENESS = 2 * HOUR
FUTURE_CLOCK = (DAY + HOUR, 400 * DAY)
LATEST_OLD_CLOCK = 1_000 * DAY


def soil(
    rows: Rows,
    dirt: Dirt,
    flaws: tuple[int, ...],
    day: Day,
    last: int,
    bot_person: int,
    rng: np.random.Generator,
) -> tuple[Rows, Counter[str]]:
    """A day's good rows with dirt added, and how much of each kind.

    `last` is the last instant at which anything may be received;
    `bot_person` the number of the first bot.
    """
    counts: Counter[str] = Counter()
    counts["late"] = _delay(rows, dirt.late, last, rng)
    again = _repeats(rows, dirt.duplicates, last, rng)
    counts["duplicates"] = len(again)
    broken = _strangers(rows, dirt.malformed, rng)
    broken["flaw"] = rng.choice(np.array(flaws), len(broken))
    for flaw, name in FLAWS.items():
        counts[f"malformed_{name}"] = int((broken["flaw"] == flaw).sum())
    skewed = _strangers(rows, dirt.clock_skew, rng)
    counts["clock_future"] = _skew(skewed, rng)
    counts["clock_past"] = len(skewed) - counts["clock_future"]
    bots = _bots(round(dirt.bots * len(rows)), day.start, bot_person, rng)
    counts["bots"] = len(bots)
    return np.concatenate([rows, again, broken, skewed, bots]), counts


def _delay(rows: Rows, share: float, last: int, rng: np.random.Generator) -> int:
    room = last - rows["occurred"]
    at = np.flatnonzero((rng.random(len(rows)) < share) & (room > ROOM_FOR_LATENESS))
    low, high = np.log(LEAST_LATENESS), np.log(GREATEST_LATENESS)
    # Not quite at the end of the period, so that a duplicate can still follow.
    delay = np.minimum(np.exp(rng.uniform(low, high, len(at))), room[at] * 0.95)
    rows["received"][at] = rows["occurred"][at] + delay.astype(np.int64)
    return len(at)


def _repeats(rows: Rows, share: float, last: int, rng: np.random.Generator) -> Rows:
    again = rows[rng.random(len(rows)) < share]
    wait = rng.integers(SECOND, LONGEST_RETRY, len(again))
    again["received"] = np.minimum(again["received"] + wait, last)
    return again


def _strangers(rows: Rows, share: float, rng: np.random.Generator) -> Rows:
    """Copies of some rows under ids of their own: events that never happened."""
    copies = rows[rng.random(len(rows)) < share]
    copies["id"] = random_ids(rng, len(copies))
    return copies


def _skew(rows: Rows, rng: np.random.Generator) -> int:
    is_future = rng.random(len(rows)) < 0.5
    ahead = rows["received"] + rng.integers(*FUTURE_CLOCK, len(rows))
    old = rng.integers(0, LATEST_OLD_CLOCK, len(rows))
    rows["occurred"] = np.where(is_future, ahead, old)
    return int(is_future.sum())


def _bots(size: int, day_start: int, bot_person: int, rng: np.random.Generator) -> Rows:
    person = bot_person + rng.integers(0, BOT_COUNT, size)
    return build_rows(
        rng,
        size,
        kind=KIND["page_viewed"],
        person=person,
        device=2 * person,
        occurred=day_start + rng.integers(HOUR, 22 * HOUR, size),
        subject=rng.integers(0, 1 << 62, size),
    )
