"""The books of identities: what each night knew stands, and later nights add to it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from dagster_project.identity_history import identity_history, record_identities
from dagster_project.ledger import Booking, Ledger
from dagster_project.warehouse import Warehouse

EVER, GOOD = datetime(1, 1, 1), datetime(9999, 12, 31)
LOGIN = datetime(2026, 3, 1, 12)

Span = tuple[str, datetime, datetime, str]


class Books:
    """A warehouse whose identities a test sets, and the ledger beside it."""

    def __init__(self, folder: Path) -> None:
        self.warehouse = Warehouse(folder / "w.duckdb", 1, "1GB", folder / "scratch")
        self.ledger = Ledger(folder / "ledger")

    def night(self, day: int, spans: list[Span], run: str | None = None) -> int:
        with self.warehouse.connect(read_only=False) as connection:
            connection.execute("create schema if not exists marts")
            connection.execute(
                "create or replace table marts.dim_person_identities (identity varchar,"
                " valid_from timestamp, valid_to timestamp, person_id varchar)"
            )
            for span in spans:
                connection.execute(
                    "insert into marts.dim_person_identities values (?, ?, ?, ?)", span
                )
        booking = Booking(run or f"run-{day}", datetime(2026, 3, day, 3, tzinfo=UTC))
        return record_identities(self.ledger, self.warehouse, booking)

    def known_on(self, day: int) -> set[Span]:
        """Whose each id was as of a night: what a report of that night rests on."""
        at = datetime(2026, 3, day, 4)
        table = identity_history(self.ledger, self.warehouse)
        known = table[
            (table["known_from"] <= at)
            & (table["known_to"].isna() | (table["known_to"] > at))
        ]
        columns = ["identity", "valid_from", "valid_to", "person_id"]
        return {
            (row.identity, row.valid_from, row.valid_to, row.person_id)
            for row in known[columns].itertuples()
        }


@pytest.fixture
def books(tmp_path: Path) -> Books:
    return Books(tmp_path)


def test_a_report_of_an_earlier_night_can_be_reproduced(books: Books) -> None:
    own = ("phone", EVER, GOOD, "phone")
    anns = ("phone", EVER, GOOD, "ann")
    shared: list[Span] = [("phone", EVER, LOGIN, "ann"), ("phone", LOGIN, GOOD, "bob")]
    assert books.night(2, [own, ("ann", EVER, GOOD, "ann")]) == 0
    assert books.night(3, [anns, ("ann", EVER, GOOD, "ann")]) == 1
    assert books.night(5, shared) == 2
    assert books.known_on(2) == set()
    assert books.known_on(3) == books.known_on(4) == {anns}
    assert books.known_on(5) == set(shared)


def test_a_night_that_knows_nothing_new_writes_nothing(books: Books) -> None:
    anns: list[Span] = [("phone", EVER, GOOD, "ann")]
    books.night(2, anns)
    assert books.night(3, anns) == 0
    assert books.known_on(3) == set(anns)


def test_a_link_taken_back_is_known_as_that(books: Books) -> None:
    books.night(2, [("phone", EVER, GOOD, "ann")])
    assert books.night(3, []) == 1
    assert books.night(4, []) == 0
    assert books.known_on(2) == {("phone", EVER, GOOD, "ann")}
    assert books.known_on(4) == {("phone", EVER, GOOD, "phone")}


def test_a_run_that_is_repeated_replaces_its_page(books: Books) -> None:
    books.night(2, [("phone", EVER, GOOD, "ann")], run="same")
    books.night(3, [("phone", EVER, GOOD, "bob")], run="same")
    assert books.known_on(3) == {("phone", EVER, GOOD, "bob")}
