"""A home of its own for an end-to-end test, and the CLI as a person uses it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

CHECKOUT = Path(__file__).resolve().parents[2]


@contextmanager
def both_published(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open aggregates and persons of one night; every table under its own name."""
    night = (folder / "current").resolve()
    with duckdb.connect() as connection:
        for name, file in (("persons", "persons"), ("aggregates", "daybreak")):
            connection.execute(f"attach '{night / file}.duckdb' as {name} (read_only)")
        found = connection.execute(
            "select database_name, schema_name, table_name from duckdb_tables() "
            "where database_name in ('persons', 'aggregates') order by all desc"
        ).fetchall()
        for database, schema, table in found:
            connection.execute(f"create schema if not exists {schema}")
            connection.execute(
                f'create or replace view {schema}."{table}" as '
                f'from {database}.{schema}."{table}"'
            )
        yield connection


@dataclass(frozen=True)
class HomeOfTest:
    """A `DAYBREAK_HOME` in a temporary folder."""

    path: Path
    catalog: Path | None = None

    @property
    def landing(self) -> Path:
        return self.path / "landing"

    @property
    def lake(self) -> Path:
        return self.path / "lake"

    @property
    def published(self) -> Path:
        return self.path / "published" / "daybreak.duckdb"

    @property
    def published_persons(self) -> Path:
        return self.path / "published" / "persons.duckdb"

    def environment(self, **settings: str) -> dict[str, str]:
        """The environment of a command in this home."""
        clean = {
            k: v
            for k, v in os.environ.items()
            if not k.startswith(("DAYBREAK_", "DBT_"))
        }
        # Without byte code every command compiles its libraries anew, for 10 s.
        clean.pop("PYTHONDONTWRITEBYTECODE", None)
        clean |= {
            "DAYBREAK_HOME": str(self.path),
            "DAYBREAK_SETTLE_SECONDS": "0",
            "PYTHONPATH": str(CHECKOUT),
            "COLUMNS": "160",
        }
        if self.catalog is not None:
            clean["DAYBREAK_CATALOG"] = str(self.catalog)
        return clean | settings

    def daybreak(
        self, *arguments: str, expect: int | None = 0, **settings: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; fails the test on an unexpected exit code."""
        done = subprocess.run(
            [sys.executable, "-m", "dagster_project", *arguments],
            cwd=CHECKOUT,
            env=self.environment(**settings),
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        right = expect is None or done.returncode == expect
        assert right, f"{done.stdout}\n{done.stderr}"
        return done

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Read both published copies as one, as a steward of personal data may."""
        with both_published(self.published.parent) as connection:
            return connection.execute(query).fetchall()

    def value(self, query: str) -> Any:
        """Read one value of the published copy."""
        [(value,)] = self.rows(query)
        return value
