"""What clients send under which names, and what lands from it."""

from __future__ import annotations

import json
from typing import Any

import duckdb
import pytest

from ingestion.events import column_names
from tests.ingestion.landing_home import Home, event


def landed(home: Home, row: dict[str, Any]) -> dict[str, Any]:
    """Land one event and give it as a mapping of its columns."""
    home.write("native/one.jsonl", [row])
    home.land()
    assert home.refused() == []
    names = column_names()
    (values,) = home.query(f"select {', '.join(names)} from events")
    found = dict(zip(names, values, strict=True))
    found["properties"] = json.loads(found["properties"])
    return found


@pytest.mark.parametrize(
    "row",
    [
        {"event_name": "a", "occurred_at": "2024-05-01T10:00:00Z", "user_id": "u"},
        {"eventName": "a", "occurredAt": "2024-05-01T12:00:00+02:00", "userId": "u"},
        {"event_type": "a", "timestamp": 1714557600, "user_id": "u"},
        {"event": "a", "ts": 1714557600000, "distinctId": "u"},
        {"name": "a", "time": "2024-05-01 10:00:00", "user": "u"},
        {"event": "a", "time": "1714557600000000", "user": {"id": "u"}},
        {"type": "a", "timestamp": "2024-05-01 12:00:00 +0200", "distinct_id": "u"},
        {"event": "a", "event_time": "20240501T100000Z", "uid": "u"},
    ],
)
def test_every_style_is_the_same_event(home: Home, row: dict[str, Any]) -> None:
    found = landed(home, row)
    assert (found["event_name"], found["user_id"]) == ("a", "u")
    assert str(found["occurred_at"]) == "2024-05-01 10:00:00"
    assert len(found["event_id"]) == 32
    assert found["properties"] == (
        {"user": {"id": "u"}} if "user" in row and isinstance(row["user"], dict) else {}
    )


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (1714557600.25, "2024-05-01 10:00:00.250000"),
        ("1714557600123", "2024-05-01 10:00:00.123000"),
        (1714557600123456, "2024-05-01 10:00:00.123456"),
        (1714557600123456789, "2024-05-01 10:00:00.123457"),
        ("2024-05-01T10:00:00.123456789Z", "2024-05-01 10:00:00.123456"),
        ("2024-05-01T10:00:00z", "2024-05-01 10:00:00"),
        ("2024-05-01 10:00:00,5", "2024-05-01 10:00:00.500000"),
        (" 2024-05-01 ", "2024-05-01 00:00:00"),
        ("2024-05-01T00:30:00+05:30", "2024-04-30 19:00:00"),
        ("Wed, 01 May 2024 10:00:00 GMT", "2024-05-01 10:00:00"),
    ],
)
def test_timestamps(home: Home, sent: object, expected: str) -> None:
    assert str(landed(home, event(occurred_at=sent))["occurred_at"]) == expected


def test_fields_that_are_no_column_become_properties(home: Home) -> None:
    found = landed(
        home,
        event(
            plan="pro",
            n=1.5,
            nested={"a": [1, None]},
            nothing=None,
            properties={"course_id": "c1", "plan": "free", "empty": None},
        ),
    )
    assert found["properties"] == {
        "course_id": "c1",
        "plan": "free",
        "empty": None,
        "n": 1.5,
        "nested": {"a": [1, None]},
        "$event.plan": "pro",
    }


@pytest.mark.parametrize(
    "key", ["event_data", "data", "payload", "eventProperties", "params"]
)
def test_containers_of_properties(home: Home, key: str) -> None:
    assert landed(home, event(**{key: {"a": 1}}))["properties"] == {"a": 1}


def test_containers_that_are_no_object_keep_their_name(home: Home) -> None:
    row = event(properties=[1], data={"a": 1}, payload={"b": 2}, params='{"c":3}')
    assert landed(home, row)["properties"] == {
        "a": 1,
        "properties": [1],
        "payload": {"b": 2},
        "params": '{"c":3}',
    }


def test_properties_in_a_string_are_unpacked(home: Home) -> None:
    assert landed(home, event(properties='{"a": 1}'))["properties"] == {"a": 1}


@pytest.mark.parametrize("key", ["$set", "user_properties", "traits"])
def test_person_properties_go_to_set(home: Home, key: str) -> None:
    found = landed(home, event(**{key: {"role": "reader"}}, properties={"a": 1}))
    assert found["properties"] == {"a": 1, "$set": {"role": "reader"}}


def test_an_alias_that_lost_stays_in_the_properties(home: Home) -> None:
    found = landed(home, event(name="Bob", userId=7, distinct_id="u1", type=None))
    assert found["event_name"] == "page_viewed"
    assert found["properties"] == {"name": "Bob", "userId": 7}


def test_the_first_alias_with_a_value_wins_in_each_event(home: Home) -> None:
    rows = [
        {"event": "a", "ts": 1714557600, "user_id": None, "userId": "camel"},
        {"event": "a", "ts": 1714557600, "user_id": "snake"},
    ]
    home.write("native/a.jsonl", rows)
    home.land()
    assert home.query("select user_id, properties from events order by 1") == [
        ("camel", "{}"),
        ("snake", "{}"),
    ]


@pytest.mark.parametrize("junk", ["", "null", "undefined", "None"])
def test_texts_that_are_no_identity(home: Home, junk: str) -> None:
    found = landed(home, event(user_id=junk, anonymous_id=junk, session_id=junk))
    assert found["user_id"] is None
    assert found["anonymous_id"] is None
    assert found["vendor_session_id"] is None


def test_context_fills_what_the_event_does_not_say(home: Home) -> None:
    context = {
        "page": {"path": "/a", "url": "https://x/a", "referrer": "https://y"},
        "campaign": {"source": "news", "name": "may"},
        "os": {"name": "iOS"},
    }
    found = landed(home, event(context=context, os="Android"))
    assert (found["page"], found["referrer"]) == ("/a", "https://y")
    assert (found["utm_source"], found["utm_campaign"]) == ("news", "may")
    assert found["os"] == "Android"
    assert found["properties"] == {"context": context}


def test_amounts(home: Home) -> None:
    found = landed(home, event(revenue="-12.5", value=1e-6, currency="EUR"))
    assert (str(found["revenue"]), str(found["value"])) == ("-12.500000", "0.000001")


@pytest.mark.parametrize("sent", ["soon", "1970-01-01T00:00:00Z", "infinity"])
def test_an_absurd_time_of_receipt_does_not_cost_the_event(
    home: Home, sent: str
) -> None:
    found = landed(home, event(received_at=sent))
    assert found["received_at"] is None
    assert found["properties"] == {"received_at": sent}


def test_awkward_keys(home: Home) -> None:
    row = event(
        **{'a"b': 1, "it's": 2, "x/y~z": 3, "": 4, "Plan": 5, "plan": 6, "é": 7}
    )
    assert landed(home, row)["properties"] == {
        'a"b': 1,
        "it's": 2,
        "x/y~z": 3,
        "": 4,
        "Plan": 5,
        "plan": 6,
        "é": 7,
    }


def test_the_content_id_knows_null_from_empty_and_not_the_order_of_keys(
    home: Home,
) -> None:
    base = {"event": "a", "ts": 1714557600, "user_id": "u"}
    home.write(
        "native/a.jsonl",
        [
            base | {"properties": {"a": 1, "b": {"c": 2, "d": 3}}},
            base | {"properties": {"b": {"d": 3, "c": 2}, "a": 1}},
            base | {"properties": {"a": ""}},
            base | {"properties": {"a": None}},
            base | {"page": ""},
            base,
            base | {"user_id": None, "anonymous_id": "u"},
            base | {"revenue": 1},
        ],
    )
    home.land()
    assert home.query("select count(*), count(distinct event_id) from events") == [
        (8, 7)
    ]


def test_many_keys_and_shapes_that_a_sample_cannot_see(home: Home) -> None:
    rows = [event(i) for i in range(12_000)]
    rows += [event(20_000 + i, **{f"key_{i}": i, "late": True}) for i in range(400)]
    home.write("native/a.jsonl", rows)
    home.land()
    assert home.refused() == []
    assert home.query(
        "select count(*), count(distinct event_id), "
        "count(*) filter (json_extract_string(properties, '$.late') = 'true'), "
        "count(*) filter (try(json_extract(properties, '$.key_' || "
        "(substr(event_id, 2)::int - 20000))::int = substr(event_id, 2)::int - 20000)) "
        "from events"
    ) == [(12_400, 12_400, 400, 400)]


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.tsv"])
def test_csv(home: Home, name: str) -> None:
    text = 'event,ts,userId,note\na,1714557600,"u,1",\nb,1714557601,u2,"x ""y"""\n'
    if name.endswith(".tsv"):
        text = "event\tts\tuserId\tnote\na\t1714557600\tu,1\t\nb\t1714557601\tu2\tx\n"
    home.write(f"native/{name}", text.encode())
    home.land()
    rows = home.query("select event_name, user_id, properties from events order by 1")
    note = '{"note":"x"}' if name.endswith(".tsv") else '{"note":"x \\"y\\""}'
    assert rows == [("a", "u,1", "{}"), ("b", "u2", note)]


def test_parquet_and_zstd_and_arrays(home: Home) -> None:
    good = "select 'a' as event, timestamp '2024-05-01 10:00:00' as ts, 5 as user_id, "
    for name, options in (("a.parquet", "parquet"), ("b.jsonl.zst", "json")):
        home_path = home.path(f"native/{name}")
        duckdb.connect().execute(
            f"copy ({good} 0.1::decimal(18,4) as revenue, [1, 2] as tags) "
            f"to '{home_path}' (format {options})"
        )
    home.write(
        "native/c.json",
        b' [ {"event": "a", "ts": 1714557600, "user_id": 5,'
        b'"revenue": 0.1, "tags": [1,2]} ]',
    )
    home.land()
    rows = home.query(
        "select event_name, occurred_at::varchar, user_id, revenue::varchar, properties"
        " from events"
    )
    expected = ("a", "2024-05-01 10:00:00", "5", "0.100000", '{"tags":[1,2]}')
    assert rows == [expected] * 3
