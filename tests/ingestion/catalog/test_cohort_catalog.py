"""Retention and segments as declared: defaults, mistakes, shared series."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingestion.catalog import CatalogSettings, load_catalog
from ingestion.catalog.cohort_tables import cohort_tables
from ingestion.catalog.retention_models import RetentionSpec

ProblemsOf = Callable[..., list[str]]
WriteCatalog = Callable[..., Path]
Row = dict[str, Any]


def grid(body: str) -> dict[str, str]:
    """One retention definition whose own lines begin on line 3."""
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    return {"retention.yml": f"retention:\n  - name: r\n{lines}\n"}


def tables_of(directory: Path, **settings: str) -> dict[str, list[Row]]:
    tables = cohort_tables(
        load_catalog(directory), CatalogSettings(**settings), "duckdb"
    )
    return {name: rows for name, (rows, _) in tables.items()}


TARGET = "target: {event: page_viewed}\n"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            "target: {event: page_vewed}",
            "retention.yml:3: retention 'r': the event 'page_vewed' is not declared in "
            "events.yml. Did you mean 'page_viewed'?",
        ),
        ("period: week", "retention.yml:2: retention 'r': `target` is missing."),
        (
            TARGET + "entry: first",
            "retention.yml:4: retention 'r': 'first' is not one of first_time, "
            "first_ever, recurring. Did you mean 'first_time'?",
        ),
        (
            TARGET + "clock: rollin",
            "retention.yml:4: retention 'r': 'rollin' is not one of calendar, rolling, "
            "rolling_from_hour. Did you mean 'rolling'?",
        ),
        (
            TARGET + "min_occurences: 2",
            "retention.yml:4: retention 'r': unknown key 'min_occurences'. "
            "Did you mean 'min_occurrences'?",
        ),
        (
            TARGET + "type: bracket",
            "retention.yml:2: retention 'r': `brackets` belongs to type bracket, and "
            "only to it.",
        ),
        (
            TARGET
            + "type: bracket\nbrackets: [{first: 1, last: 3}, {first: 3, last: 4}]",
            "retention.yml:2: retention 'r': brackets must increase and not overlap.",
        ),
        (
            TARGET + "type: bracket\nbrackets: [{first: 3, last: 1}]",
            "retention.yml:5: retention 'r': it ends (1) before it begins (3).",
        ),
        (
            TARGET + "periods: 3\nat: [1, 7]",
            "retention.yml:2: retention 'r': give one of `periods`, `at` and "
            "`brackets`.",
        ),
        (
            TARGET + "at: [7, 1]",
            "retention.yml:4: retention 'r': the numbers must increase.",
        ),
        (
            TARGET + "timezone: Europe/Berln",
            "retention.yml:4: retention 'r': 'Europe/Berln' is not a time zone of the "
            "IANA list. Did you mean 'Europe/Berlin'?",
        ),
        (
            TARGET + "week_start: sonday",
            "retention.yml:4: retention 'r': 'sonday' is not a day of the week. "
            "Did you mean 'sunday'?",
        ),
        (
            TARGET + "where: platfrm = 'web'",
            "retention.yml:4: retention 'r': `platfrm` is not a column of an event; a "
            "property is written property('platfrm'). Did you mean 'platform'?",
        ),
        (
            TARGET + "count_by: accont",
            "retention.yml:4: retention 'r': `accont` is not a column of an event; a "
            "property is written property('accont'). Did you mean 'country'?",
        ),
        (
            TARGET + "returning: {where: revenue}",
            "retention.yml:4: retention 'r': a yes/no condition is needed: compare the "
            "value with something, such as platform = 'web'.",
        ),
        (
            TARGET + "breakdowns: [platform, contry]",
            "retention.yml:4: retention 'r': `contry` is not a column of an event; a "
            "property is written property('contry'). Did you mean 'country'?",
        ),
        (
            TARGET + "breakdowns: [event_id]",
            "retention.yml:4: retention 'r': `event_id` differs in every event: group "
            "it first.",
        ),
        (
            TARGET + "breakdowns: [platform, platform]",
            "retention.yml:2: retention 'r': breakdown 'platform' is declared twice.",
        ),
    ],
)
def test_retention_errors(body: str, expected: str, problems_of: ProblemsOf) -> None:
    assert problems_of(**grid(body)) == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "lifecycle:\n  - {name: l, periods: [day, dai]}\n",
            "segments.yml:2: lifecycle 'l': 'dai' is not one of hour, day, week, "
            "month. Did you mean 'day'?",
        ),
        (
            "stickiness:\n  - {name: s, within: week, last: 3}\n",
            "segments.yml:2: stickiness 's': give one of `last` and `within`.",
        ),
        (
            "stickiness:\n  - {name: s, interval: week, within: month}\n",
            "segments.yml:2: stickiness 's': intervals of a week are counted with "
            "`last`.",
        ),
        (
            "segments:\n  - {name: s, power_days: 3}\n",
            "segments.yml:2: segmentation 's': engaged_days (4) < power_days (3) <= "
            "window_days (28) does not hold.",
        ),
        (
            "segments:\n  - {name: s, activity: {event: page_vewed}}\n",
            "segments.yml:2: segmentation 's': the event 'page_vewed' is not declared "
            "in events.yml. Did you mean 'page_viewed'?",
        ),
        (
            "lifecycles: []\n",
            "segments.yml:1: unknown key 'lifecycles'. Did you mean 'lifecycle'?",
        ),
        (
            "segments:\n  - {name: a}\n  - {name: a}\n",
            "segments.yml:3: segmentation 'a': the name is taken already, on line 2.",
        ),
    ],
)
def test_segment_errors(text: str, expected: str, problems_of: ProblemsOf) -> None:
    assert problems_of(**{"segments.yml": text}) == [expected]


def test_ltv_errors_and_defaults(
    problems_of: ProblemsOf, write_catalog: WriteCatalog
) -> None:
    def ltv(body: str) -> dict[str, str]:
        return {"retention.yml": f"ltv:\n  - {{name: v, {TARGET.strip()}{body}}}\n"}

    assert problems_of(**ltv(", value: platform")) == [
        "retention.yml:2: ltv 'v': a number is needed, this gives VARCHAR; a number "
        "among the properties is property_number('name')."
    ]
    assert problems_of(**ltv(", period: hour")) == [
        "retention.yml:2: ltv 'v': 'hour' is not one of day, week, month."
    ]
    [row] = tables_of(write_catalog(**ltv("")))["catalog_cohort_ltv"]
    assert (row["entry_mode"], row["period"]) == ("first_time", "month")
    assert row["last_period_number"] == 12


def test_defaults_of_retention(write_catalog: WriteCatalog) -> None:
    tables = tables_of(
        write_catalog(**grid(TARGET)), reporting_timezone="Asia/Kathmandu"
    )
    [row] = tables["catalog_retention"]
    assert {key: row[key] for key in ("entry_mode", "retention_type", "period")} == {
        "entry_mode": "first_time",
        "retention_type": "classic",
        "period": "week",
    }
    assert (row["clock"], row["min_occurrences"]) == ("calendar", 1)
    assert (row["timezone"], row["week_start"]) == ("Asia/Kathmandu", "monday")
    numbers = [row["period_number"] for row in tables["catalog_retention_periods"]]
    assert numbers == list(range(13))
    [total] = json.loads(row["breakdowns"])
    returns = {
        one["series_key"]: one["filter_sql"] for one in tables["catalog_cohort_series"]
    }
    assert returns[total["returns"]] == "NOT event_name IN ('email_sent')"
    assert returns[total["entries"]] == "event_name IN ('page_viewed')"


@pytest.mark.parametrize(
    ("body", "numbers"),
    [
        ("period: day", list(range(31))),
        ("period: hour", list(range(25))),
        ("period: month\nperiods: 2", [0, 1, 2]),
        ("period: day\nat: [1, 7, 14, 30]", [0, 1, 7, 14, 30]),
        (
            "type: bracket\nbrackets: [{first: 1, last: 3}, {first: 4, last: 7}]",
            [0, 1, 4],
        ),
    ],
)
def test_cells_of_a_grid(
    body: str, numbers: list[int], write_catalog: WriteCatalog
) -> None:
    tables = tables_of(write_catalog(**grid(TARGET + body)))
    found = [row["period_number"] for row in tables["catalog_retention_periods"]]
    assert found == numbers


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        ("daybreak", ("week", "first_time", "calendar", None)),
        ("posthog", ("day", "first_time", "calendar", "sunday")),
        ("mixpanel", ("day", "first_time", "rolling", None)),
        ("amplitude", ("day", "recurring", "rolling_from_hour", None)),
        ("ga4", ("day", "first_ever", "calendar", "sunday")),
    ],
)
def test_a_preset_sets_what_the_grid_leaves_open(
    preset: str, expected: tuple[Any, ...]
) -> None:
    declared = {"name": "r", "target": {"event": "came"}, "semantics": preset}
    found = RetentionSpec.model_validate(declared)
    assert (found.period, found.entry, found.clock, found.week_start) == expected
    own = RetentionSpec.model_validate({**declared, "period": "month"})
    assert own.period == "month"
    assert (own.entry, own.clock, own.week_start) == expected[1:]


def test_definitions_over_the_same_events_share_their_rows(
    write_catalog: WriteCatalog,
) -> None:
    directory = write_catalog(
        **{
            "retention.yml": """\
                retention:
                  - {name: a, target: {event: page_viewed}}
                  - {name: b, target: {event: page_viewed}, period: month}
                """,
            "segments.yml": """\
                lifecycle: [{name: l}]
                stickiness: [{name: s}]
                """,
        }
    )
    series = tables_of(directory)["catalog_cohort_series"]
    filters = sorted(row["filter_sql"] for row in series)
    assert filters == [
        "NOT event_name IN ('email_sent')",
        "event_name IN ('page_viewed')",
    ]


def test_what_changes_rows_changes_the_key_of_a_series(
    write_catalog: WriteCatalog,
) -> None:
    def key(body: str = "", **settings: str) -> str:
        row = tables_of(write_catalog(**grid(TARGET + body)), **settings)
        [total] = json.loads(row["catalog_retention"][0]["breakdowns"])
        return str(total["returns"])

    assert key() == key("label: Another\ntype: unbounded\nperiod: month")
    changed = {
        key("where: platform = 'web'"),
        key("count_by: platform"),
        key("include_bots: true"),
        key("clock: rolling"),
        key("period: hour"),
        key("returning: {event: '*'}"),
        key("timezone: Asia/Kathmandu"),
    }
    assert len(changed | {key()}) == 8
    assert key("timezone: Asia/Kathmandu") == key(reporting_timezone="Asia/Kathmandu")


def test_defaults_of_segments(write_catalog: WriteCatalog) -> None:
    tables = tables_of(
        write_catalog(
            **{
                "segments.yml": "stickiness: [{name: s}, {name: h, interval: hour}]\n"
                "segments: [{name: e}]\nlifecycle: [{name: l}]\n"
            }
        )
    )
    [row] = tables["catalog_segmentations"]
    names = ("window_days", "new_days", "power_days", "engaged_days", "idle_days")
    assert [row[name] for name in names] == [28, 14, 16, 4, 14]
    assert (float(row["frequency_drop"]), row["churn_days"]) == (0.5, 30)
    windows = [row["window_intervals"] for row in tables["catalog_stickiness"]]
    assert windows == [30, 24]
    assert tables["catalog_lifecycle"][0]["periods"] == '["day","week","month"]'


PART = "{name: often, measure: active_days, full_at: 4}"


@pytest.mark.parametrize(
    ("line", "body", "expected"),
    [
        (
            3,
            "parts: [{name: a, measure: days, full_at: 1}]",
            "'days' is not one of active_days, events, value, idle_days.",
        ),
        (
            3,
            "parts: [{name: a, measure: value, full_at: 1}]",
            "`value` belongs to measure value, and only to it.",
        ),
        (
            3,
            "parts: [{name: a, measure: events, full_at: 0}]",
            "`full_at`: Input should be greater than 0.",
        ),
        (2, "parts: []", "a score needs at least one part."),
        (
            2,
            f"parts: [{PART}, {PART}]",
            "part 'often' is declared twice, or is 'all'.",
        ),
        (
            2,
            f"parts: [{PART}]\n    bands: [{{name: high, starts_at: 50}}]",
            "bands start at different scores, the lowest at 0.",
        ),
        (
            2,
            f"parts: [{PART}]\n    listed_days: 7",
            "listed_days (7) is shorter than window_days (28).",
        ),
        (
            3,
            "parts: [{name: a, measure: events, full_at: 1, events: {event: viewed}}]",
            "the event 'viewed' is not declared in events.yml.",
        ),
    ],
)
def test_score_errors(
    line: int, body: str, expected: str, problems_of: ProblemsOf
) -> None:
    text = f"scores:\n  - name: s\n    {body}\n"
    [problem] = problems_of(**{"segments.yml": text})
    assert problem.startswith(f"segments.yml:{line}: score 's': {expected}")
