"""Looks that are kept: what a changed input reaches, and that nothing else moves."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from dagster_project.analysis.experiment_results.frames import ExperimentFrames
from dagster_project.analysis.experiment_results.results import results_of
from dagster_project.analysis.experiment_results.reuse import (
    first_changed_days,
    look_hashes,
)
from tests.analysis.experiment_results.experiments_of_test import (
    START,
    Declared,
    frames_of,
)

ONE = Declared("one", lift=0.3, is_whole=True, units=900, planned_units=600)
TWO = Declared("two", lift=0.1, seed=5, units=500)


@pytest.fixture(scope="module")
def frames() -> ExperimentFrames:
    return frames_of(ONE, TWO)


def since(before: ExperimentFrames, after: ExperimentFrames) -> dict[str, int]:
    looks = look_hashes(before)
    earlier = {(str(n), int(day)): h for n, day, h in looks.itertuples(index=False)}
    return first_changed_days(look_hashes(after), earlier)


def test_nothing_new_changes_no_day(frames: ExperimentFrames) -> None:
    again = replace(
        frames,
        sums=frames.sums.sample(frac=1, random_state=1),
        traffic=frames.traffic.sample(frac=1, random_state=1),
    )
    assert since(frames, again) == {"one": 17, "two": 17}
    # A first night has nothing at hand.
    assert first_changed_days(look_hashes(frames), {}) == {"one": 0, "two": 0}


def test_a_late_event_reaches_its_day_and_those_after(frames: ExperimentFrames) -> None:
    sums = frames.sums.copy()
    late = (sums["experiment_name"] == "one") & (sums["day_number"] == 9)
    late &= sums["day_date"].notna() & (sums["view"] == "cumulative")
    sums.loc[late.idxmax(), "y"] += 1
    assert since(frames, replace(frames, sums=sums)) == {"one": 9, "two": 17}
    traffic = frames.traffic.copy()
    day = pd.Timestamp(START) + pd.Timedelta(days=4)
    came = (traffic["experiment_name"] == "two") & (traffic["exposure_date"] == day)
    traffic.loc[came.idxmax(), "several_variants_count"] = 1
    assert since(frames, replace(frames, traffic=traffic)) == {"one": 17, "two": 4}


@pytest.mark.parametrize(
    ("frame", "column", "value"),
    [
        ("definitions", "confidence", 0.99),
        ("definitions", "config_hash", "another"),
        ("metrics", "margin", 0.5),
        ("variants", "allocation", 0.4),
    ],
)
def test_another_declaration_reaches_every_day(
    frames: ExperimentFrames, frame: str, column: str, value: object
) -> None:
    changed = getattr(frames, frame).copy()
    row = (changed["experiment_name"] == "two").idxmax()
    changed.loc[row, column] = value
    assert since(frames, replace(frames, **{frame: changed})) == {"one": 17, "two": 0}


def test_what_a_finished_experiment_teaches_reaches_the_others(
    frames: ExperimentFrames,
) -> None:
    definitions = frames.definitions.copy()
    first = definitions["experiment_name"] == "one"
    definitions.loc[first, "end_date"] = pd.Timestamp("2026-01-19")
    ended = replace(frames, definitions=definitions)
    assert since(frames, ended) == {"one": 0, "two": 0}


@pytest.mark.parametrize("first", [0, 8, 12])
def test_days_judged_alone_are_those_of_all_to_the_last_bit(
    frames: ExperimentFrames, first: int
) -> None:
    """The plan of the first is complete at day 10: later days lean on that look."""
    whole = results_of(frames)
    some = results_of(frames, since={"one": first})
    for name in ("comparisons", "decisions", "quality"):
        every, part = getattr(whole, name), getattr(some, name)
        if name != "quality":
            own = every["experiment_name"] == "one"
            kept = ~own | (every["day_number"] >= first)
            if name == "comparisons":
                kept |= every["view"] == "day_since_exposure"
            every = every[kept]
        pd.testing.assert_frame_equal(
            part.reset_index(drop=True), every.reset_index(drop=True), check_exact=True
        )
