"""Worked cases of funnels, through landed rows, the catalog and the marts.

All cases of one time zone are one night. How the parameters of a case become a catalog:

| case                               | catalog                                        |
|------------------------------------|------------------------------------------------|
| order, entry_mode, ties            | order, entry_mode, ties (default = in_order)   |
| window_seconds                     | window                                         |
| date_from, date_to (inclusive)     | range (its end is an instant later),           |
|                                    | range_applies_to: all_events                   |
| where                              | where, beside the condition that it is the     |
|                                    | case's own event                               |
| steps: any_of, where               | steps: any_of, where                           |
| steps: first_time with_filters     | first_time: first_match                        |
| steps: first_time first_ever       | first_time: first_ever                         |
| exclusions                         | exclusions (steps from 1)                      |
| aggregate_by distinct_id, property | counting: accounts, account                    |
| breakdown                          | breakdowns (attribution_step from 1)           |
| hold_constant                      | hold_constant                                  |
| interval (funnel_trend)            | periods                                        |
| timezone                           | the run's reporting zone: a night for each     |
| from_step, to_step, bin_count      | time_to_convert; of a trend, the rows compared |

Read: counts, seconds and groups from fct_funnel_steps, persons from
fct_funnel_persons, bins from fct_funnel_times. What peers show as 0 because nobody
entered is null here, as a rate without a denominator is; `''` is `(none)`.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.dbt_project.funnel_case_variations import varied_funnels
from tests.dbt_project.funnel_cases import (
    Case,
    funnel_name,
    landed_rows,
    moment,
    person_ids,
    read_cases,
    write_catalog,
)
from tests.dbt_project.warehouse_of_test import WarehouseOfTest

Key = tuple[Any, ...]
KINDS = ("funnel", "funnel_trend", "time_to_convert")


class Answers:
    """What the marts say of every case of one night."""

    def __init__(self, warehouse: WarehouseOfTest) -> None:
        self.steps: dict[tuple[Any, ...], dict[int, tuple[Any, ...]]] = defaultdict(
            dict
        )
        for name, period, start, breakdown, value, step, *figures in warehouse.rows(
            """
            select funnel_name, period, period_start, breakdown, breakdown_value, step,
                person_count, mean_seconds, median_seconds
            from marts.fct_funnel_steps
            """
        ):
            key = (name, period, start if period != "all" else None, breakdown, value)
            self.steps[key][step] = tuple(figures)
        self.persons: dict[tuple[Any, ...], list[tuple[str, int]]] = defaultdict(list)
        for name, breakdown, value, person, reached in warehouse.rows(
            """
            select funnel_name, breakdown, breakdown_value, person_id, reached_step
            from marts.fct_funnel_persons
            """
        ):
            self.persons[(name, breakdown, value)].append((person, reached))
        # Persons with several attempts as good: which one tells the times is open.
        self.soft = {
            name
            for (name,) in warehouse.rows(
                """
                select distinct attempts.funnel_name
                from marts.fct_funnel_attempts as attempts
                inner join marts.fct_funnel_persons as persons
                    on attempts.funnel_name = persons.funnel_name
                    and attempts.unit_id = persons.counted_id
                    and attempts.reached_step = persons.reached_step
                where attempts.breakdown = 'all' and persons.breakdown = 'all'
                    and persons.reached_step > 1
                group by attempts.funnel_name, attempts.unit_id
                having count(*) > 1
                """
            )
        }
        self.bins: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        for name, *rest in warehouse.rows(
            """
            select funnel_name, from_seconds, person_count, mean_seconds
            from marts.fct_funnel_times where breakdown = 'all' order by bin_number
            """
        ):
            self.bins[name].append(tuple(rest))


def test_every_worked_case(
    warehouse: WarehouseOfTest, shared_dir: Path, tmp_path: Path
) -> None:
    given = read_cases(shared_dir / "cases" / "product_analytics" / "funnel")
    hold([*given, *varied_funnels(1, 12)], warehouse, tmp_path)


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(2, 8))
def test_many_variations(warehouse: WarehouseOfTest, tmp_path: Path, seed: int) -> None:
    hold(varied_funnels(seed, 100), warehouse, tmp_path)


def hold(cases: Iterable[Case], warehouse: WarehouseOfTest, folder: Path) -> None:
    """Compare all cases with the marts, a night for each zone and start of the week."""
    nights: dict[tuple[str, str], list[Case]] = defaultdict(list)
    for case in cases:
        assert case["kind"] in KINDS, case["id"]
        nights[(case["params"].get("timezone") or "UTC", week_start(case))].append(case)
    for (zone, weekday), together in nights.items():
        answers = one_night(warehouse, together, zone, weekday, folder)
        for number, case in enumerate(together):
            if not case.get("divergent_by_choice"):
                compare(case, number, answers)


def week_start(case: Case) -> str:
    """Give the weekday on which the weeks of a trend begin."""
    if case["params"].get("interval") != "week":
        return "monday"
    return moment(case["expected"]["rows"][0]["period"]).strftime("%A").lower()


def one_night(
    warehouse: WarehouseOfTest,
    cases: list[Case],
    zone: str,
    weekday: str,
    folder: Path,
) -> Answers:
    write_catalog(folder, cases)
    moments = [event["timestamp"] for case in cases for event in case["events"]]
    moments += [case["params"].get("date_to") or moments[0] for case in cases]
    warehouse.reset()
    warehouse.declare(
        folder,
        reporting_timezone=zone,
        week_start=weekday,
        as_of=max(map(moment, moments)) + timedelta(days=2),
    )
    rows = [
        row for number, case in enumerate(cases) for row in landed_rows(case, number)
    ]
    warehouse.land(rows, load_id="20300105T000000000000")
    warehouse.build(select=("+marts.funnels",))
    return Answers(warehouse)


def compare(case: Case, number: int, answers: Answers) -> None:
    expected = case["expected"]
    if case["kind"] == "time_to_convert":
        compare_bins(case, number, answers)
    elif case["kind"] == "funnel_trend":
        compare_trend(case, number, answers)
    elif "breakdowns" in expected:
        compare_groups(case, number, answers)
    else:
        compare_steps(case, number, answers, expected["steps"], ("all", "all"))


def compare_steps(
    case: Case,
    number: int,
    answers: Answers,
    expected: list[dict[str, Any]],
    group: tuple[str, str],
) -> None:
    name = funnel_name(number)
    found = answers.steps[(name, "all", None, *group)]
    reached = answers.persons[(name, *group)]
    original = {
        person: person.split("/", 1)[1] for person in person_ids(case, number).values()
    }
    for step, answer in enumerate(expected, start=1):
        place = (case["id"], group, step)
        count, mean, median = found[step]
        assert count == answer["count"], place
        for key, seconds in (("avg_seconds", mean), ("median_seconds", median)):
            if key in answer and name not in answers.soft:
                same_seconds(seconds, answer[key], (*place, key))
        if answer.get("persons") is not None:
            persons = [original[person] for person, last in reached if last >= step]
            assert sorted(persons) == sorted(answer["persons"]), place


def same_seconds(found: float | None, expected: float | None, place: object) -> None:
    if expected is None:
        assert found is None, place
    else:
        assert found is not None, place
        assert math.isclose(found, expected, abs_tol=0.01), place


def compare_groups(case: Case, number: int, answers: Answers) -> None:
    """A group that nobody entered may be left out."""
    expected = {
        tuple(group["value"]): group["steps"]
        for group in case["expected"]["breakdowns"]
        if group["steps"][0]["count"]
    }
    count = len(case["params"]["breakdown"]["keys"])
    found = {
        peer_value(value, count): value
        for name, period, _, breakdown, value in answers.steps
        if name == funnel_name(number) and period == "all" and breakdown == "group"
    }
    assert set(found) == set(expected), case["id"]
    for value, steps in expected.items():
        compare_steps(case, number, answers, steps, ("group", found[value]))


def peer_value(value: str, key_count: int) -> tuple[str, ...]:
    if value == "(none)":
        return ("",) * key_count
    if key_count > 1 and value != "Other":
        return tuple(part or "" for part in json.loads(value))
    return (value,)


def compare_trend(case: Case, number: int, answers: Answers) -> None:
    params = case["params"]
    first = (params.get("from_step") or 0) + 1
    last = params.get("to_step")
    last = len(params["steps"]) if last is None else last + 1
    name, period = funnel_name(number), params["interval"]
    for row in case["expected"]["rows"]:
        start = moment(row["period"])
        found = answers.steps[(name, period, start, "all", "all")]
        entered, converted = found[first][0], found[last][0]
        rate = 100 * converted / entered if entered else 0
        assert (entered, converted) == (row["entered"], row["converted"]), case["id"]
        assert rate == pytest.approx(row["rate"], abs=1e-2), case["id"]
    listed = [key for key in answers.steps if key[:2] == (name, period)]
    assert len(listed) == len(case["expected"]["rows"]), case["id"]


def compare_bins(case: Case, number: int, answers: Answers) -> None:
    found = answers.bins[funnel_name(number)]
    expected = case["expected"]
    assert [[start, count] for start, count, _ in found] == expected["bins"], case["id"]
    means = {mean for *_, mean in found} or {None}
    same_seconds(means.pop(), expected.get("avg_seconds"), case["id"])
