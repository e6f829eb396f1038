"""Who is erased with an id: everything of the person, nothing of anybody else."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from ingestion.privacy.linked_ids import (
    LinkedIds,
    UnknownPersonError,
    collect_linked_ids,
    create_shared_spans,
)
from tests.ingestion.landing_home import Home, event


def seen(
    hour: int,
    user: str | None = None,
    device: str | None = None,
    ids: list[str] | None = None,
) -> dict[str, Any]:
    """Give an event of May 1st at an hour."""
    row = event(hour, occurred_at=f"2024-05-01T{hour:02d}:00:00Z", user_id=user)
    row["anonymous_id"] = device
    return row | ({"properties": {"$ids": ids}} if ids else {})


def linked(home: Home, *asked: str) -> LinkedIds:
    with duckdb.connect() as connection:
        return collect_linked_ids(connection, home.lake, asked)


def spans(home: Home, *asked: str) -> list[tuple[str, int, int]]:
    """Give device, first and last hour of the spans of shared devices."""
    with duckdb.connect() as connection:
        collect_linked_ids(connection, home.lake, asked)
        create_shared_spans(connection, home.lake)
        return connection.execute(
            "select device, "
            "case when year(valid_from) = 1 then -1 else hour(valid_from) end, "
            "case when year(valid_to) = 9999 then 99 else hour(valid_to) end "
            "from shared_spans order by all"
        ).fetchall()


def landed(home: Home, *rows: dict[str, Any]) -> Home:
    home.write("app/a.jsonl", rows)
    home.land()
    return home


def test_every_id_finds_the_whole_person(home: Home) -> None:
    landed(
        home,
        seen(1, None, "phone"),
        seen(2, "Ann@Example.com", "phone"),
        seen(3, "ann@example.com", "laptop"),
        seen(4, None, "tablet", ["laptop"]),
        seen(5, None, "watch", ["tablet", "old watch"]),
        seen(6, "bob", "bob's phone"),
    )
    ann = ("ann@example.com", "laptop", "old watch", "phone", "tablet", "watch")
    for asked in (*ann, "ANN@example.com"):
        assert linked(home, asked).ids == ann
    assert linked(home, "bob").ids == ("bob", "bob's phone")
    assert linked(home, "bob", "watch").ids == tuple(
        sorted((*ann, "bob", "bob's phone"))
    )


def test_a_shared_device_is_nobodys_and_known_by_its_logins(home: Home) -> None:
    landed(
        home,
        seen(1, None, "kiosk"),
        seen(2, "ann", "kiosk"),
        seen(3, "ann", "phone"),
        seen(4, "bob", "kiosk"),
        seen(6, "ann", "kiosk"),
        seen(8, "bob", "kiosk"),
    )
    ann = linked(home, "ann")
    assert (ann.ids, ann.shared_devices) == (("ann", "phone"), ("kiosk",))
    assert spans(home, "ann") == [("kiosk", -1, 4), ("kiosk", 6, 8)]
    assert spans(home, "bob") == [("kiosk", 4, 6), ("kiosk", 8, 99)]
    # Where all of its users go, the device goes too.
    assert linked(home, "ann", "bob").ids == ("ann", "bob", "kiosk", "phone")


def test_two_users_are_two_persons_also_where_an_alias_names_both(home: Home) -> None:
    landed(home, seen(1, "ann", "phone"), seen(2, "anna", "desk", ["ann"]))
    found = linked(home, "ann")
    assert (found.ids, found.other_users) == (("ann", "phone"), 1)


def test_a_chain_of_devices_stays_with_the_user_who_came_first(home: Home) -> None:
    landed(
        home,
        seen(1, "ann", "one"),
        seen(2, None, "two", ["one"]),
        seen(3, None, "two", ["three"]),
        seen(4, "bob", "three"),
    )
    assert linked(home, "bob").ids == ("bob",)
    ann = linked(home, "ann")
    assert (ann.ids, ann.shared_devices) == (("ann", "one", "two"), ("three",))
    assert spans(home, "ann") == [("three", -1, 99)]
    assert spans(home, "bob") == []


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("null", "nobody"),
        ("  Undefined ", "nobody"),
        ("kiosk", "2 known users were seen: name the user"),
    ],
)
def test_ids_that_are_nobodys_or_several_persons_are_refused(
    home: Home, asked: str, message: str
) -> None:
    landed(home, seen(1, "ann", "kiosk"), seen(2, "bob", "kiosk"))
    with pytest.raises(UnknownPersonError, match=message):
        linked(home, asked)


def test_an_id_that_never_landed_is_a_person_of_one_id(home: Home) -> None:
    landed(home, seen(1, "ann", "phone"))
    assert linked(home, "who") == LinkedIds(("who",), (), 0)
