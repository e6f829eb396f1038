"""The scan of free text: what is found, what is not, and that no value is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.privacy.free_text import FreeTextFinding, Kind, _luhn_sql, scan_loads
from tests.ingestion.landing_home import Home, event

MakeHome = Callable[..., Home]


def found_in(home: Home, *rows: dict[str, Any]) -> tuple[FreeTextFinding, ...]:
    home.write("native/a.jsonl", rows)
    home.land()
    return scan_loads(home.lake, home.options.privacy)


FOUND: tuple[tuple[str, Kind, str], ...] = (
    ("write to Bob.K+x@mail.example.co.uk!", "email", "B***@m***.uk"),
    ("+44 20 7946 0958", "phone", "+*** 58"),
    ("call 0044 20 7946 0958 now", "phone", "*** 58"),
    ("(555) 123-4567", "phone", "*** 67"),
    ("tel:555-123-4567.", "phone", "*** 67"),
    ("555-123-4567", "phone", "*** 67"),
    ("4111 1111 1111 1111", "card", "**** **** **** 1111"),
    ("5500-0000-0000-0004", "card", "**** **** **** 0004"),
    ("378282246310005", "card", "**** **** **** 0005"),
)


def test_what_is_found(private_home: MakeHome) -> None:
    properties = {f"note_{i}": text for i, (text, _, _) in enumerate(FOUND)}
    found = found_in(private_home("{}", None), event(properties=properties), event(2))
    assert sorted(found, key=lambda one: one.property) == [
        FreeTextFinding("native", "page_viewed", f"note_{i}", kind, 1, (example,))
        for i, (_, kind, example) in enumerate(FOUND)
    ]


def test_what_is_no_personal_data(private_home: MakeHome) -> None:
    harmless = {
        "uuid": "550e8400-e29b-41d4-a716-446655440000",
        "when": "2024-05-01 10:00:00+00:00",
        "epoch": "1714557600000",
        "wrong_check_digit": "4111111111111112",
        "version": "10.0.19045.3448",
        "number": 4111111111111111,
        "order": "1234567890123",
        "hash": "d41d8cd98f00b204e9800998ecf8427e",
        "handle": "@bob",
        "money": "1 000 000 000",
        "agent": "Mozilla/5.0 (Windows NT 10.0; Win64) AppleWebKit/537.36",
    }
    assert found_in(private_home("{}", None), event(properties=harmless)) == ()


def test_declared_fields_are_left_out_and_places_are_named(
    private_home: MakeHome,
) -> None:
    home = private_home("personal: {mail: hash, kept: keep, $set.tel: drop}")
    sent = {"mail": "a@x.com", "kept": "b@x.com", "x": {"items": [{"to": "c@x.com"}]}}
    found = found_in(
        home,
        event(properties=sent, traits={"tel": "+4712345678", "other": "d@x.com"}),
        event(2, properties={"x": {"items": [{"to": "e@y.org"}, {"to": "f@y.org"}]}}),
    )
    assert [(one.property, one.kind, one.value_count) for one in found] == [
        ("x.items[].to", "email", 3),
        ("$set.other", "email", 1),
    ]
    assert found[0].examples == ("c***@x***.com", "e***@y***.org", "f***@y***.org")


def test_a_finding_never_shows_a_value(private_home: MakeHome) -> None:
    values = ["ann.lee@example.com", "+4712345678", "4111111111111111"]
    home = private_home("{}", None)
    row = event(properties={"a": values[0], "b": values[1], values[0]: values[2]})
    found = found_in(home, row)
    assert len(found) == 3
    shown = repr([asdict(one) for one in found])
    assert not [value for value in values if value in shown or value[1:-1] in shown]


def test_one_load_or_all(private_home: MakeHome) -> None:
    home = private_home("{}", None)
    home.write("native/a.jsonl", [event(1, properties={"a": "a@x.com"})])
    first = home.land()
    home.write("shop/b.jsonl", [event(2, properties={"b": "b@x.com"})])
    home.land()
    plan, loads = home.options.privacy, [load.load_id for load in first.loads]
    assert len(scan_loads(home.lake, plan)) == 2
    assert [one.property for one in scan_loads(home.lake, plan, load_ids=loads)] == [
        "a"
    ]
    assert [one.source for one in scan_loads(home.lake, plan, sources=["shop"])] == [
        "shop"
    ]
    assert scan_loads(home.lake, plan, load_ids=[]) == ()


def luhn(digits: str) -> bool:
    """Check digits the way ISO/IEC 7812-1, annex B, tells it."""
    total = 0
    for position, one in enumerate(reversed(digits)):
        digit = int(one) * (2 if position % 2 else 1)
        total += digit - 9 if digit > 9 else digit
    return total % 10 == 0


@given(
    st.lists(st.text("0123456789", min_size=1, max_size=19), min_size=1, max_size=50)
)
@settings(deadline=None, max_examples=20)
def test_the_luhn_check(numbers: list[str]) -> None:
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"select {_luhn_sql('n')} from (select unnest(?) as n)", [numbers]
        ).fetchall()
    assert [row[0] for row in rows] == [luhn(one) for one in numbers]
