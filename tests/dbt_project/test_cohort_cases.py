"""Worked cases of retention, lifecycle and stickiness, through rows, catalog and marts.

All cases are one night. How the parameters of a case become a catalog:

| kind, parameter                    | catalog                                        |
|------------------------------------|------------------------------------------------|
| any: where                         | where, beside the condition that it is the     |
|                                    | case's own event                               |
| any: timezone, week_start          | timezone, week_start of the definition         |
| any: aggregate_by distinct_id,     | count_by: property(...)                        |
| property:<key>                     |                                                |
| any: event, target, returning      | event (all names), where (of each name, and of |
|                                    | all); a name of null is "*"                    |
| retention: type                    | retention: entry                               |
| retention: period, intervals or    | period, periods (one less: 0 is the cohort)    |
| n_periods                          |                                                |
| retention: criteria on_or_after    | type: unbounded; returns end with the range    |
| retention: min_occurrences         | min_occurrences                                |
| retention: breakdown               | breakdowns (on: start)                         |
| retention_clock: birth, return     | target, returning                              |
| retention_clock: unit, k           | period, at                                     |
| retention_clock: clock             | clock; one that is cut at hours is             |
|                                    | rolling_from_hour                              |
| retention_average: those of retention; or rows of a table `cohorts`: events    |
| retention_average: as_of           | the watermark: a night for each                |
| lifecycle: event, period           | lifecycle: activity, periods                   |
| stickiness: event, period          | stickiness: activity, interval                 |
| stickiness: date_from, date_to     | last (intervals of the range), and a condition |
| active_users: event, window_days   | stickiness: activity, last                     |

Read: averages from fct_retention_curves; counts from fct_retention, where cells after
the triangle exist too and rows of a group without members do not; fct_lifecycle;
histograms and persons of a window from fct_stickiness. `''` is `(none)`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dagster_project.analysis.reconciliation.periods import next_start
from tests.dbt_project.case_answers import text_of
from tests.dbt_project.case_variations import OF_KIND, varied_cases
from tests.dbt_project.cohort_cases import (
    LISTS,
    as_of,
    count_of_periods,
    days_between,
    window_of,
    with_events,
    write_catalog,
)
from tests.dbt_project.funnel_cases import Case, funnel_name, landed_rows, read_cases
from tests.dbt_project.warehouse_of_test import WarehouseOfTest

FOLDERS = ("retention", "lifecycle_stickiness")
MODELS = ("+fct_retention_curves", "+fct_lifecycle", "+fct_stickiness")


@pytest.fixture
def cases(shared_dir: Path) -> list[Case]:
    folder = shared_dir / "cases" / "product_analytics"
    return [case for name in FOLDERS for case in read_cases(folder / name)]


def test_every_kind_has_a_place_in_the_catalog(cases: list[Case]) -> None:
    assert {case["kind"] for case in cases} <= set(LISTS)


def test_every_case(
    warehouse: WarehouseOfTest, cases: list[Case], tmp_path: Path
) -> None:
    """Those given, some variations of each kind, and averages by hand."""
    varied = [case for kind in OF_KIND for case in varied_cases(kind, 1, 3)]
    together = [*cases, *AVERAGES, *varied]
    assert wrong_answers(warehouse, together, tmp_path) == {}


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(2, 8))
def test_many_variations(warehouse: WarehouseOfTest, tmp_path: Path, seed: int) -> None:
    varied = [case for kind in OF_KIND for case in varied_cases(kind, seed, 25)]
    assert wrong_answers(warehouse, varied, tmp_path) == {}


def wrong_answers(
    warehouse: WarehouseOfTest, cases: list[Case], folder: Path
) -> dict[str, Any]:
    """Give what the marts say otherwise than a case expects: a night for each as-of."""
    nights: dict[datetime | None, list[Case]] = defaultdict(list)
    for case in cases:
        if not case.get("divergent_by_choice"):
            nights[as_of(case)].append(with_events(case))
    wrong: dict[str, Any] = {}
    for watermark, together in nights.items():
        one_night(warehouse, together, watermark, folder)
        for number, case in enumerate(together):
            for found, expected in compared(warehouse, case, number):
                if found != expected:
                    wrong[case["id"]] = (found, expected)
    return wrong


def one_night(
    warehouse: WarehouseOfTest,
    cases: list[Case],
    watermark: datetime | None,
    folder: Path,
) -> None:
    write_catalog(folder, cases)
    newest = max(
        datetime.fromisoformat(event["timestamp"]).replace(tzinfo=None)
        for case in cases
        for event in case["events"]
    )
    warehouse.reset()
    warehouse.declare(folder, as_of=watermark or newest + timedelta(days=400))
    rows = [row for n, case in enumerate(cases) for row in landed_rows(case, n)]
    warehouse.land(rows, load_id="20300105T000000000000")
    warehouse.build(select=MODELS)


def _grown(day: int, *returned: int | None) -> dict[str, Any]:
    return {"cohort_start": f"2020-03-{day:02}", "size": 4, "returned": [4, *returned]}


# By hand. The mean of three rates of day 1 would be 0.5 too, of day 2 it would be 1/8;
# with open cells counted as 0, day 1 would be 5/14.
AVERAGES: list[Case] = [
    {
        "id": "average_of_closed_cells",
        "kind": "retention_average",
        "params": {"period": "day", "as_of": "2020-03-07", "timezone": "UTC"},
        "cohorts": [
            _grown(4, 3, 1, None),
            _grown(5, 1, None, None),
            {"cohort_start": "2020-03-03", "size": 2, "returned": [2, 1, 0, 2]},
            _grown(6, None, None, None),
        ],
        "expected": {
            "average": [1.0, 5 / 10, 1 / 6, 2 / 2],
            "returned": [14, 5, 1, 2],
            "sizes": [14, 10, 6, 2],
        },
    },
]


def compared(
    warehouse: WarehouseOfTest, case: Case, number: int
) -> Iterator[tuple[Any, Any]]:
    """Give pairs of what the marts say and what the case expects."""
    read = {
        "retention": grid,
        "retention_clock": clock,
        "retention_average": average,
        "lifecycle": lifecycle,
        "stickiness": stickiness,
        "active_users": active_users,
    }[case["kind"]]
    yield from read(warehouse, case, funnel_name(number))


def grid(
    warehouse: WarehouseOfTest, case: Case, name: str
) -> Iterator[tuple[Any, Any]]:
    params, expected = case["params"], case["expected"]
    cells: dict[tuple[str, datetime], dict[int, int]] = {}
    for dimension, value, start, period_number, returned in warehouse.rows(
        f"""
        select dimension, dimension_value, cohort_start, period_number, returned_count
        from marts.fct_retention where retention_name = '{name}'
        """
    ):
        key = "" if dimension == "all" else value
        cells.setdefault((key, start), {})[period_number] = returned
    starts = [datetime.fromisoformat(params["cohort_start"])]
    while len(starts) < count_of_periods(params):
        starts.append(next_start(params["period"].lower(), starts[-1]))

    def triangle(value: str, like: list[list[int | None]]) -> list[list[int | None]]:
        """Read the cells a peer shows; those after its range it leaves open."""
        return [
            [
                None if shown is None else cells.get((value, start), {}).get(k, 0)
                for k, shown in enumerate(row)
            ]
            for start, row in zip(starts, like, strict=False)
        ]

    if "counts" in expected:
        yield triangle("", expected["counts"]), expected["counts"]
    for group in expected.get("breakdowns", ()):
        value = group["value"]
        parts = value if isinstance(value, list) else [value]
        named = "::".join(text_of(part) or "" for part in parts)
        yield triangle(named or "(none)", group["counts"]), group["counts"]


def average(
    warehouse: WarehouseOfTest, case: Case, name: str
) -> Iterator[tuple[Any, Any]]:
    """Read rates by period, and sums where a case shows them."""
    columns = ("retention_rate", "person_count", "returned_count", "cohort_count")
    found = {
        period_number: dict(zip(columns, figures, strict=True))
        for period_number, *figures in warehouse.rows(
            f"""
            select period_number, {", ".join(columns)}
            from marts.fct_retention_curves
            where retention_name = '{name}' and dimension = 'all'
            """
        )
    }
    for key, told in case["expected"].items():
        column = SUMS.get(key, "retention_rate")
        if isinstance(told, list):
            cells = [found.get(k, {}).get(column) for k in range(len(told))]
            yield rounded(cells), rounded(told)
        elif isinstance(told, int | float | None):
            cell = found[case["params"].get("k", 1)][column]
            yield rounded([cell]), rounded([told])


# What else than rates a case may show, by what it calls it.
SUMS = {
    "sizes": "person_count",
    "persons": "person_count",
    "returned": "returned_count",
    "counts": "returned_count",
    "cohorts": "cohort_count",
}


def rounded(values: Sequence[float | None]) -> list[float | None]:
    return [None if one is None else round(float(one), 6) for one in values]


def clock(
    warehouse: WarehouseOfTest, case: Case, name: str
) -> Iterator[tuple[Any, Any]]:
    back = warehouse.rows(
        f"""
        select sum(returned_count) from marts.fct_retention
        where retention_name = '{name}' and period_number > 0
        """
    )
    yield back == [(1,)], case["expected"]["retained"]


def lifecycle(
    warehouse: WarehouseOfTest, case: Case, name: str
) -> Iterator[tuple[Any, Any]]:
    statuses = ("new", "returning", "resurrecting", "dormant")
    found = {
        row[0]: row[1:]
        for row in warehouse.rows(
            f"""
            select period_start, {", ".join(f"{status}_count" for status in statuses)}
            from marts.fct_lifecycle where lifecycle_name = '{name}'
            """
        )
    }
    starts = [
        datetime.fromisoformat(text).replace(tzinfo=None)
        for text in case["expected"]["periods"]
    ]
    for place, status in enumerate(statuses):
        values = [found.get(start, (0, 0, 0, 0))[place] for start in starts]
        yield values, [abs(value) for value in case["expected"][status]]


def stickiness(
    warehouse: WarehouseOfTest, case: Case, name: str
) -> Iterator[tuple[Any, Any]]:
    params, expected = case["params"], case["expected"]
    _, end = window_of(params, ZoneInfo(params.get("timezone") or "UTC"))
    column = "person_at_least_count" if params.get("cumulative") else "person_count"
    found = warehouse.rows(
        f"""
        select active_interval_count, {column}, window_person_count
        from marts.fct_stickiness
        where stickiness_name = '{name}' and window_end = '{end}'
        """
    )
    persons = {k: n for k, n, _ in found}
    data = [persons.get(k + 1, 0) for k in range(len(expected["data"]))]
    yield data, expected["data"]
    if "count" in expected and not params.get("cumulative"):
        # A window in which nobody was active has no row.
        yield {total for *_, total in found} or {0}, {expected["count"]}


def active_users(
    warehouse: WarehouseOfTest, case: Case, name: str
) -> Iterator[tuple[Any, Any]]:
    params = case["params"]
    of_window = "window" if params["window_days"] > 1 else "last_interval"
    found = dict(
        warehouse.rows(
            f"""
            select window_end, {of_window}_person_count from marts.fct_stickiness
            where stickiness_name = '{name}' and active_interval_count = 1
            """
        )
    )
    days = days_between(params["date_from"], params["date_to"])
    values = [found.get(day + timedelta(days=1), 0) for day in days]
    yield values, case["expected"]["data"]
