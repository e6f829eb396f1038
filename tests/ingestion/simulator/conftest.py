"""Simulated files and a reader of them that shares no code with the simulator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.simulator import SimulationResult, SimulationSpec, simulate

TEXT = (
    *("event_id", "event_name", "category", "occurred_at", "received_at"),
    *("user_id", "anonymous_id", "platform", "app_version", "device_type", "os"),
    *("browser", "user_agent", "country", "region", "city", "referrer"),
    *("utm_source", "utm_medium", "utm_campaign", "page", "currency"),
)
COLUMNS = dict.fromkeys(TEXT, "VARCHAR") | {
    "revenue": "DECIMAL(18, 2)",
    "value": "DOUBLE",
    "properties": "JSON",
}


@dataclass(frozen=True)
class Simulated:
    """A result with a connection in which the view `events` reads its files."""

    result: SimulationResult
    connection: duckdb.DuckDBPyConnection

    @property
    def truth(self) -> dict[str, Any]:
        return self.result.truth

    def rows(self, sql: str) -> list[Any]:
        return self.connection.execute(sql).fetchall()

    def value(self, sql: str) -> Any:
        [(value,)] = self.rows(sql)
        return value

    def by_day(self, sql: str) -> dict[str, Any]:
        """First column to second, for comparison with a figure of truth's days."""
        return {str(day): value for day, value in self.rows(sql)}

    def figure(self, name: str) -> dict[str, Any]:
        """A figure of the truth by day."""
        return {day["date"]: day[name] for day in self.truth["days"]}


def read_clean(directory: Path) -> duckdb.DuckDBPyConnection:
    """A table `events` of JSON lines without dirt, persons and times resolved."""
    connection = duckdb.connect()
    connection.execute(
        f"""
        create table events as
        with raw as (
            from read_json(
                '{directory}/*.jsonl', format = 'newline_delimited',
                columns = {COLUMNS}
            )
        ),
        owners as (
            select anonymous_id, max(user_id) as owner
            from raw where anonymous_id is not null group by all
        )
        select
            raw.* exclude (occurred_at, received_at),
            occurred_at::timestamp as occurred_at,
            received_at::timestamp as received_at,
            occurred_at::timestamp::date as day,
            coalesce(user_id, owner, raw.anonymous_id) as person,
            raw.anonymous_id is not null as is_client
        from raw left join owners using (anonymous_id)
        """
    ).fetchall()
    return connection


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulated]:
    """Fifty clean days of 4,000 persons: about 200,000 events."""
    directory = tmp_path_factory.mktemp("clean")
    spec = SimulationSpec(seed=11, persons=4_000, start=date(2026, 1, 19), days=50)
    result = simulate(spec, directory)
    connection = read_clean(directory)
    yield Simulated(result, connection)
    connection.close()
