"""Tables beside events at the door: the same pseudonyms, so that rows find persons."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import duckdb

from ingestion.landing import land
from ingestion.privacy.keys import read_key_ring
from tests.ingestion.landing_home import Home, event, sources_of
from tests.ingestion.privacy.conftest import RING_1, RING_2, files_with, with_plan
from tests.ingestion.privacy.test_consent import RULES, at

SOURCES = """
sources:
  - {name: crm, format: table, table: persons, reader: {format: json}}
  - {name: web_consents, format: table, table: consents, reader: {format: json}}
"""
PLAN = """
personal:
  user_id: hash
  anonymous_id: hash
  full_name: drop
  phone: encrypt
  country: keep
"""


def person(**fields: object) -> dict[str, object]:
    return {
        "user_id": "ann-id",
        "email": "Ann@X.com",
        "full_name": "Ann Lee",
        "country": "NO",
        "phone": "+4712345678",
        "recorded_at": "2024-05-01T00:00:00Z",
    } | fields


def rows_of(home: Home, table: str) -> list[dict[str, object]]:
    with duckdb.connect() as connection:
        found = connection.execute(
            f"from read_parquet('{home.lake}/{table}/load=2*/date=*/*.parquet', "
            "hive_partitioning = false)"
        ).df()
    return found.astype(object).where(found.notna(), None).to_dict("records")


def test_persons_have_the_ids_of_their_events(
    private_home: Callable[..., Home],
) -> None:
    home = replace(private_home(PLAN), sources=sources_of(SOURCES))
    home.write("crm/persons.jsonl", [person()])
    home.write(
        "native/a.jsonl", [event(user_id="ann-id"), event(2, user_id="ann@x.com")]
    )
    land(home.options, home.sources)
    (found,) = rows_of(home, "persons")
    users = [
        row[0] for row in home.query("select user_id from events order by event_id")
    ]
    assert [found["user_id"], found["email"]] == users
    assert (found["full_name"], found["country"]) == (None, "NO")
    ring = read_key_ring(RING_1)
    assert ring is not None
    extra = json.loads(str(found["extra"]))
    assert ring.decrypt(extra["phone"]) == "+4712345678"
    values = ["ann-id", "nn@", "nn@X", "Ann Lee", "+4712"]
    assert files_with(home.lake, values) == []


def test_pseudonyms_of_tables_are_known_after_a_rotation(
    private_home: Callable[..., Home],
) -> None:
    home = replace(private_home(PLAN), sources=sources_of(SOURCES))
    home.write("crm/persons.jsonl", [person()])
    land(home.options, home.sources)
    home = with_plan(home, PLAN, RING_2)
    home.write("native/a.jsonl", [event(user_id="ann-id")])
    land(home.options, home.sources)
    (known,) = rows_of(home, "persons")
    assert home.query("select user_id from events") == [(known["user_id"],)]
    assert str(known["user_id"]).startswith("k1:")


def test_the_table_of_consents_counts_in_the_same_landing(
    private_home: Callable[..., Home],
) -> None:
    home = replace(private_home(PLAN + RULES), sources=sources_of(SOURCES))
    decided = {"user_id": "u1", "purpose": "analytics", "is_granted": "false"}
    home.write(
        "web_consents/a.jsonl", [decided | {"decided_at": "2024-05-01T10:05:00Z"}]
    )
    home.write("native/a.jsonl", [at(4), at(6), at(7, user_id="u2")])
    land(home.options, home.sources)
    assert home.query("select minute(occurred_at) from events order by 1") == [
        (4,),
        (7,),
    ]


def test_without_declarations_tables_stay_as_they_are(
    private_home: Callable[..., Home],
) -> None:
    home = replace(private_home("{}", None), sources=sources_of(SOURCES))
    home.write("crm/persons.jsonl", [person()])
    land(home.options, home.sources)
    (found,) = rows_of(home, "persons")
    assert (found["user_id"], found["email"]) == ("ann-id", "Ann@X.com")
