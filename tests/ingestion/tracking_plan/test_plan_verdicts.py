"""What becomes of events that do not keep to the tracking plan."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from ruamel.yaml import YAML

from ingestion.catalog.models import EventsFile
from ingestion.quarantine import replay
from ingestion.tracking_plan import EventRule, TrackingPlan, plan_of
from tests.ingestion.landing_home import Home, event

PLAN = """
policy: {unknown}
missing_properties: {missing}
wrong_types: {wrong}
events:
  - name: page_viewed
  - name: lesson_completed
    properties:
      course: {{type: string}}
      lesson: {{type: integer}}
      score: {{type: number}}
      passed: {{type: boolean}}
      at: {{type: timestamp}}
      tags: {{type: list}}
      more: {{type: object}}
    required_properties: [course, lesson]
  - name: paid
    properties:
      currency: {{type: string}}
    required_properties: [currency]
"""


def plan(
    unknown: str = "quarantine", missing: str = "quarantine", wrong: str = "quarantine"
) -> TrackingPlan:
    text = PLAN.format(unknown=unknown, missing=missing, wrong=wrong)
    return plan_of(EventsFile.model_validate(YAML(typ="safe").load(text)))


def lesson(i: int = 0, **properties: Any) -> dict[str, Any]:
    sent = {"course": "c1", "lesson": 1, **properties}
    return event(i, event_name="lesson_completed", properties=sent)


def reasons(home: Home) -> list[tuple[str, str]]:
    """Give code and parenthesis of every refused row."""
    return home.query(
        "select reason_code, regexp_extract(reason, '\\(([^()]*)\\)$', 1) "
        "from quarantine order by all"
    )


def landed_by(home: Home, rules: TrackingPlan, *rows: dict[str, Any]) -> Home:
    strict = home.with_options(plan=rules)
    strict.write("native/a.jsonl", list(rows))
    strict.land()
    return strict


def test_an_unknown_event_waits_until_the_plan_names_it(home: Home) -> None:
    strict = landed_by(home, plan(), event(1), event(2, event_name="page_veiwed"))
    assert reasons(strict) == [("unknown_event", "page_veiwed")]

    named = {**plan().events, "page_veiwed": EventRule()}
    wider = replace(plan(), events=named)
    result = replay(replace(strict.options, plan=wider), [])
    assert (result.landed, result.closed, result.quarantined) == (1, 1, 0)
    strict.check_books()
    assert strict.refused() == []


@pytest.mark.parametrize("policy", ["allow", "warn"])
def test_other_policies_land_what_the_plan_does_not_name(
    home: Home, policy: str
) -> None:
    lenient = landed_by(home, plan(unknown=policy), event(1, event_name="anything"))
    assert lenient.query("select event_name from events") == [("anything",)]


@pytest.mark.parametrize("value", [None, "absent"])
def test_a_missing_required_property_by_policy(home: Home, value: str | None) -> None:
    row = lesson(1, course=None)
    if value == "absent":
        del row["properties"]["course"]
    strict = landed_by(home, plan(), row, lesson(2))
    assert reasons(strict) == [
        ("missing_required_property", "lesson_completed: course is missing")
    ]


def test_a_missing_required_property_lands_when_only_reported(home: Home) -> None:
    lenient = landed_by(home, plan(missing="warn"), lesson(1, course=None))
    assert lenient.query("select count(*) from events") == [(1,)]


def test_a_required_property_may_have_filled_its_column(home: Home) -> None:
    strict = landed_by(
        home,
        plan(),
        event(1, event_name="paid", currency="USD"),
        event(2, event_name="paid", properties={"currency": "USD"}),
        event(3, event_name="paid"),
    )
    assert reasons(strict) == [
        ("missing_required_property", "paid: currency is missing")
    ]


WIDENED: list[dict[str, Any]] = [
    {"course": 7},
    {"course": {"id": 7}},
    {"lesson": 2.0},
    {"lesson": "2"},
    {"lesson": 18446744073709551615},
    {"score": 1},
    {"score": "1.5e3"},
    {"score": ""},
    {"score": None},
    {"passed": "true"},
    {"passed": False},
    {"at": "2024-05-01T10:00:00+02:00"},
    {"at": 1714557600},
    {"tags": []},
    {"tags": "[1, 2]"},
    {"more": {}},
    {"more": '{"a": 1}'},
    {"undeclared": [1, {"a": None}]},
]


def test_a_value_that_reads_as_the_type_is_widened(home: Home) -> None:
    rows = [lesson(i, **properties) for i, properties in enumerate(WIDENED)]
    strict = landed_by(home, plan(), *rows)
    kept = strict.query(
        "select properties from events order by substr(event_id, 2)::int"
    )
    expected = [{"course": "c1", "lesson": 1, **properties} for properties in WIDENED]
    assert [json.loads(text) for (text,) in kept] == expected


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"lesson": 2.5}, "lesson is to be an integer, was 2.5"),
    ({"lesson": "one"}, 'lesson is to be an integer, was "one"'),
    ({"lesson": [1]}, "lesson is to be an integer, was [1]"),
    ({"lesson": True}, "lesson is to be an integer, was true"),
    ({"score": "n/a"}, 'score is to be a number, was "n/a"'),
    ({"score": {}}, "score is to be a number, was {}"),
    ({"passed": "perhaps"}, 'passed is to be a boolean, was "perhaps"'),
    ({"at": "yesterday"}, 'at is to be a timestamp, was "yesterday"'),
    ({"tags": "a,b"}, 'tags is to be a list, was "a,b"'),
    ({"tags": {}}, "tags is to be a list, was {}"),
    ({"more": [1]}, "more is to be an object, was [1]"),
    (
        {"lesson": "x", "score": "y"},
        'lesson is to be an integer, was "x", score is to be a number, was "y"',
    ),
]


def test_a_value_that_does_not_is_refused_with_what_was_sent(home: Home) -> None:
    rows = [lesson(i, **properties) for i, (properties, _) in enumerate(REFUSED)]
    strict = landed_by(home, plan(), *rows)
    assert set(reasons(strict)) == {
        ("wrong_property_type", f"lesson_completed: {told}") for _, told in REFUSED
    }


def test_a_wrong_type_lands_when_only_reported(home: Home) -> None:
    lenient = landed_by(home, plan(wrong="warn"), lesson(1, lesson="one"))
    assert lenient.query("select count(*) from events") == [(1,)]


def test_csv_texts_read_as_the_declared_types(home: Home) -> None:
    strict = home.with_options(plan=plan())
    rows = b"""event_name,occurred_at,user_id,course,lesson,passed
lesson_completed,2024-05-01T10:00:00Z,u1,c1,3,true
lesson_completed,2024-05-01T10:00:00Z,u1,c1,three,true
lesson_completed,2024-05-01T10:00:00Z,u1,,4,false
"""
    strict.write("native/a.csv", rows)
    strict.land()
    assert strict.query("select count(*) from events") == [(1,)]
    assert [code for code, _ in reasons(strict)] == [
        "missing_required_property",
        "wrong_property_type",
    ]


def test_other_faults_are_told_first(home: Home) -> None:
    strict = landed_by(
        home, plan(), lesson(1, lesson="x") | {"occurred_at": "never"}, event(2)
    )
    assert [code for code, _ in reasons(strict)] == ["unreadable_timestamp"]
