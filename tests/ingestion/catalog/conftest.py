"""A small catalog to break, and a small event table to run expressions on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import duckdb
import pytest

from ingestion.catalog import EVENT_COLUMNS, CatalogError, load_catalog

EVENTS = """\
events:
  - name: page_viewed
  - name: purchase_completed
    properties:
      plan: {type: string}
    required_properties: [plan]
  - name: email_sent
    is_activity: false
"""

WriteCatalog = Callable[..., Path]
ProblemsOf = Callable[..., list[str]]


@pytest.fixture
def write_catalog(tmp_path: Path) -> WriteCatalog:
    """Write files into a catalog folder; events.yml has a default."""

    def write(
        metrics: str = "", events: str = EVENTS, sources: str = "", **others: str
    ) -> Path:
        directory = tmp_path / "catalog"
        directory.mkdir(exist_ok=True)
        files = {"metrics.yml": metrics, "events.yml": events, "sources.yml": sources}
        for name, text in {**files, **others}.items():
            (directory / name).write_text(dedent(text), encoding="utf-8")
        return directory

    return write


@pytest.fixture
def problems_of(write_catalog: WriteCatalog) -> ProblemsOf:
    """Give the problems of a catalog as `file:line: message` lines, folder cut off."""

    def problems(**files: str) -> list[str]:
        directory = write_catalog(**files)
        try:
            load_catalog(directory)
        except CatalogError as error:
            return [
                str(problem).removeprefix(f"{directory}/") for problem in error.problems
            ]
        return []

    return problems


@pytest.fixture(scope="session")
def event_table() -> Iterator[duckdb.DuckDBPyConnection]:
    """Five events with awkward properties."""
    connection = duckdb.connect(":memory:")
    declared = ", ".join(f"{name} {type_}" for name, type_ in EVENT_COLUMNS.items())
    connection.execute(f"create table events ({declared}, person_properties VARCHAR)")
    rows = [
        (1, "purchase_completed", "web", 10.5, 2, '{"plan":"pro","amount":"1.1"}'),
        (2, "purchase_completed", "ios", 20, 0, '{"plan":null,"amount":"oops"}'),
        (3, "page_viewed", None, None, None, "{}"),
        (4, "page_viewed", "web", -3, 7, '{"cart":{"size":3},"trial":true}'),
        (5, "it's odd", "web", 0, 1, '{"amount":0.1,"trial":"no","$set":{"role":"x"}}'),
    ]
    for number, name, platform, revenue, value, properties in rows:
        connection.execute(
            """
            insert into events by name
            select ? as event_id, ? as event_name, ? as platform, ? as revenue,
                ? as value, ? as properties,
                timestamp '2024-03-09 23:30:00' + to_hours(?) as occurred_at,
                '{"role":"author"}' as person_properties
            """,
            [f"e{number}", name, platform, revenue, value, properties, number],
        )
    yield connection
    connection.close()
