"""A person leaves lake, quarantine and landing; the others stay, nobody returns."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from ingestion.lake import open_lake
from ingestion.landing import land
from ingestion.privacy.erasure import ErasurePlan, erase_from_lake, plan_erasure
from ingestion.privacy.landing_erasure import erase_from_landing
from ingestion.privacy.remembered import ErasureKeyError, remember
from ingestion.quarantine import reconcile
from tests.ingestion.landing_home import Home, event, lines, sources_of
from tests.ingestion.privacy.byte_search import files_naming

KEY = b"a secret of many characters"
ANN = ("ann@example.com", "anns-phone", "anns-laptop")


def of(
    number: int, user: str | None, device: str | None, **fields: Any
) -> dict[str, Any]:
    return event(number, user_id=user, anonymous_id=device) | fields


ROWS = [
    of(1, None, "anns-phone"),
    of(2, "Ann@Example.com", "anns-phone"),
    of(3, "ann@example.com", "anns-laptop"),
    of(4, "bob", "bobs-phone", properties={"invited_by": "ann@example.com"}),
    of(5, "bob", "kiosk"),
    of(6, "ann@example.com", "kiosk", occurred_at="2024-05-01T11:00:00Z"),
    of(7, None, "kiosk", occurred_at="2024-05-01T12:00:00Z"),
    of(8, "bob", "kiosk", occurred_at="2024-05-01T13:00:00Z"),
    of(9, None, "kiosk", occurred_at="2024-05-01T14:00:00Z"),
    of(10, "ann@example.com", None, occurred_at="1990-01-01T00:00:00Z"),
    of(11, "bob", None, occurred_at="1990-01-01T00:00:00Z"),
]
LEFT = ["e4", "e5", "e8", "e9"]


def erase(home: Home, asked: Sequence[str], *, key: bytes = KEY) -> ErasurePlan:
    with open_lake(home.lake) as lake:
        plan = plan_erasure(lake, asked)
        remember(lake.root, key, "one", plan.ids, plan.spans)
        erase_from_lake(lake, plan)
        erase_from_landing(lake, home.options.landing_dir, plan.mentions())
    return plan


def event_ids(home: Home) -> list[str]:
    found = home.query("select event_id from events order by occurred_at, event_id")
    return [one for (one,) in found]


@pytest.mark.parametrize("asked", ["anns-phone", "ANN@example.com"])
def test_a_person_goes_by_any_id_and_others_stay(home: Home, asked: str) -> None:
    home.write("app/a.jsonl", ROWS)
    home.land()
    plan = erase(home, [asked])
    assert plan.ids == ("ann@example.com", "anns-laptop", "anns-phone")
    assert plan.erased_rows["events"] == 5
    assert plan.erased_rows["quarantine"] == 1
    assert plan.redacted_rows["events"] == 1
    assert event_ids(home) == LEFT
    assert home.query("select properties from events where event_id = 'e4'") == [
        ('{"invited_by":"erased"}',)
    ]
    assert [row[:2] for row in home.refused()] == [("app/a.jsonl", 11)]
    assert files_naming(home.root, [*ANN, "Ann@Example.com"]) == []
    home.check_books()
    account = reconcile(home.lake)
    assert (account.lines_read, account.erased) == (11, 6)
    days = home.query("select date::varchar, count(*) from events group by 1")
    with open_lake(home.lake) as lake:
        [manifest] = lake.manifests()
    assert dict(days) == dict(manifest.rows_per_date)
    assert manifest.quarantined_by_reason == {"before_floor": 1}


FORMATS = {
    "jsonl": lines(ROWS),
    "jsonl.gz": lines(ROWS),
    "json": json.dumps(ROWS, indent=1).encode(),
    "csv": b"event_id,event_name,occurred_at,user_id,note\n"
    b'e1,x,2024-05-01,ann@example.com,"two\nlines"\n'
    b'e4,x,2024-05-01,bob,"three, or\n""more""\nlines"\n'
    b"e5,x,2024-05-01,bob,\n",
}


@pytest.mark.parametrize("suffix", FORMATS)
def test_files_in_landing_are_rewritten_and_not_landed_again(
    home: Home, suffix: str
) -> None:
    home.write(f"app/a.{suffix}", FORMATS[suffix])
    home.land()
    erase(home, ["ann@example.com"])
    assert files_naming(home.root, ANN) == []
    landed = home.with_options(erasure_key=KEY).land()
    assert [file.status for file in landed.files] == ["already_loaded"]
    # What is left of the file is whole: a lake made of it holds the others.
    fresh = home.with_options(lake_dir=home.root / "fresh", erasure_key=KEY)
    fresh.land()
    # A line of another person that names her went, and what nobody's line says stayed.
    left = ["e4", "e5"] if suffix == "csv" else ["e5", "e7", "e8", "e9"]
    assert event_ids(fresh) == left


def test_parquet_in_landing_loses_rows_and_keeps_its_types(home: Home) -> None:
    path = home.path("app/a.parquet")
    home.write("app/warm.jsonl", ROWS[3:4])
    home.land()
    home.query(
        "copy (select 'e' || range as event_id, 'x' as event_name, "
        "timestamp '2024-05-01 10:00' as occurred_at, "
        "case when range = 1 then 'ann@example.com' else 'bob' end as user_id, "
        f"[range] as scores from range(3)) to '{path}' (format parquet)"
    )
    home.land()
    erase(home, ["ann@example.com"])
    assert files_naming(home.root, ANN) == []
    assert home.query(f"select event_id, scores from '{path}' order by 1") == [
        ("e0", [0]),
        ("e2", [2]),
    ]
    again = home.with_options(erasure_key=KEY).land()
    assert {file.status for file in again.files} == {"already_loaded"}


def test_nobody_returns_by_a_late_or_replayed_file(home: Home) -> None:
    home.write("app/a.jsonl", ROWS)
    home.land()
    erase(home, ["anns-phone"])
    home.write(
        "app/late.jsonl",
        lines(
            [
                *ROWS[:3],
                of(20, None, "anns-laptop"),
                of(21, "zoe", "zoes", properties={"$ids": ["anns-phone"]}),
                # Another's by now, and the shared device.
                of(22, "bob", "anns-phone"),
                of(23, "bob", "kiosk"),
                # On the shared device while it was hers, and after that.
                ROWS[6],
                of(25, None, "kiosk", occurred_at="2024-05-01T14:30:00Z"),
                of(24, "ann@example.com", None, occurred_at="1990-01-01T00:00:00Z"),
            ]
        )
        + b'{"user_id": "ann@example.com", broken\n',
    )
    known = home.with_options(erasure_key=KEY)
    [late] = [file for file in known.land().files if file.path == "app/late.jsonl"]
    counts = (late.lines_read, late.landed, late.skipped, late.quarantined)
    assert counts == (11, 3, 7, 1)
    with open_lake(home.lake) as lake:
        assert lake.manifests()[-1].skipped_as_erased == 7
    assert sorted(event_ids(home)) == sorted([*LEFT, "e22", "e23", "e25"])
    assert files_naming(home.lake, ["ann@example.com", "anns-laptop"]) == []


def test_rows_of_other_tables_go_too_and_do_not_return(home: Home) -> None:
    sources = sources_of(
        "sources:\n  - {name: crm, format: table, table: persons, "
        "reader: {format: csv}}\n"
    )
    home = Home(home.root, home.options, sources)
    text = b"user_id,email,recorded_at\nu-1001,Ann@Example.com,2024-05-01\n"
    home.write("crm/a.csv", text + b"u-1002,bob@example.com,2024-05-01\n")
    home.write("app/a.jsonl", [of(1, "u-1001", "anns-phone"), of(2, "u-1002", None)])
    land(home.options, home.sources)
    plan = erase(home, ["ann@example.com"])
    assert plan.ids == ("ann@example.com", "anns-phone", "u-1001")
    assert plan.erased_rows["persons"] == 1
    assert event_ids(home) == ["e2"]
    assert files_naming(home.root, ["Ann@Example.com", "u-1001", "anns-phone"]) == []
    home.write("crm/b.csv", text + b"u-1003,,2024-05-01\n")
    again = land(home.with_options(erasure_key=KEY).options, home.sources)
    [late] = [file for file in again.files if file.path == "crm/b.csv"]
    assert (late.landed, late.skipped) == (1, 1)


def test_without_the_key_nothing_lands_after_an_erasure(home: Home) -> None:
    home.write("app/a.jsonl", ROWS)
    home.land()
    erase(home, ["anns-phone"])
    home.write("app/b.jsonl", ROWS)
    with pytest.raises(ErasureKeyError, match="set DAYBREAK_ERASURE_KEY"):
        home.land()
    with pytest.raises(ErasureKeyError, match="is not the key"):
        home.with_options(erasure_key=b"another secret, not that").land()


def test_erasing_twice_and_two_persons_keeps_the_books(home: Home) -> None:
    home.write("app/a.jsonl", ROWS)
    home.land()
    first = erase(home, ["anns-phone"])
    assert sum(erase(home, first.ids).erased_rows.values()) == 0
    second = erase(home, ["bob"])
    assert second.ids == ("bob", "bobs-phone", "kiosk")
    assert event_ids(home) == []
    home.check_books()
    assert reconcile(home.lake).erased == 11
