"""revenue.yml: what is wrong is told with its line; what is right becomes SQL."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ingestion.catalog import CatalogSettings, compile_catalog, load_catalog
from tests.ingestion.catalog.conftest import ProblemsOf, WriteCatalog

BOOK = """\
mrr:
  - name: plans
    events:
      changed: [purchase_completed]
      ended: email_sent
      amount: property_number('price')
"""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            BOOK.replace("email_sent", "email_sen"),
            "revenue.yml:5: mrr 'plans': the event 'email_sen' is not declared in "
            "events.yml. Did you mean 'email_sent'?",
        ),
        (
            BOOK.replace("property_number('price')", "property_number('price"),
            "revenue.yml:6: mrr 'plans': ",
        ),
        (
            BOOK.replace("property_number('price')", "pric"),
            "revenue.yml:6: mrr 'plans': ",
        ),
        (
            BOOK.replace("property_number('price')", "1; drop table events"),
            "revenue.yml:6: mrr 'plans': ",
        ),
        (
            BOOK.replace("events:", "customer: account\n    events:"),
            "`customer: account` needs `events.account`",
        ),
        (
            BOOK.replace("events:", "source: stripe\n    events:"),
            "source is of the table, and this reads events",
        ),
        ("mrr:\n  - {name: plans, include_bots: true}\n", "include_bots is of events"),
        ("mrr:\n  - {name: plans}\n  - {name: plans}\n", "plans"),
        ("mrr:\n  - {name: plans, costumer: account}\n", "costumer"),
    ],
)
def test_a_mistake_is_told_with_its_line(
    problems_of: ProblemsOf, text: str, told: str
) -> None:
    (problem,) = problems_of(**{"revenue.yml": text})
    assert told in problem
    assert problem.startswith("revenue.yml:")


def test_a_book_without_events_reads_the_table(
    write_catalog: WriteCatalog, tmp_path: Path
) -> None:
    books = "mrr:\n  - {name: seats, customer: account, paying_statuses: [Active]}\n"
    catalog = write_catalog(**{"revenue.yml": books + BOOK.removeprefix("mrr:\n")})
    compile_catalog(load_catalog(catalog), CatalogSettings(), tmp_path / "compiled")
    rows = pq.read_table(tmp_path / "compiled" / "catalog_mrr.parquet").to_pylist()
    seats, plans = rows
    assert (seats["mrr_name"], seats["label"]) == ("seats", "Seats")
    assert not seats["reads_events"]
    assert json.loads(seats["paying_statuses"]) == ["active"]
    assert plans["changed_filter_sql"] == "event_name IN ('purchase_completed')"
    assert plans["ended_filter_sql"] == "event_name IN ('email_sent')"
    assert (plans["subscription_sql"], plans["months_sql"]) == (None, "1")
