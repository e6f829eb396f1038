"""Facts that runs produce, kept in the lake so that the warehouse may be deleted.

A table of the ledger is a folder of Parquet files, one a run; a file appears whole
or not at all. What can be computed anew from facts does not belong here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import pandas as pd

from dagster_project.tables import Table
from dagster_project.warehouse import (
    Warehouse,
    parquet_relation,
    refuse_wrong_columns,
)
from ingestion.durable import put_in_place


@dataclass(frozen=True)
class Booking:
    """Which run books, and when (UTC)."""

    run_id: str
    at: datetime


@dataclass(frozen=True)
class Ledger:
    """The folder `lake/ledger`."""

    path: Path

    def files(self, table: Table) -> list[Path]:
        """Return the files of a table, oldest name first."""
        return sorted((self.path / table.name).glob("*.parquet"))

    def record(self, table: Table, frame: pd.DataFrame, run_id: str) -> None:
        """Keep what a run found; recording the same run again replaces its file."""
        refuse_wrong_columns(table, frame)
        folder = self.path / table.name
        folder.mkdir(parents=True, exist_ok=True)
        columns = ", ".join(
            f'cast("{column.name}" as {column.type}) as "{column.name}"'
            for column in table.columns
        )
        aside = folder / f".{run_id}.tmp"
        with duckdb.connect() as connection:
            connection.execute("set timezone = 'UTC'")
            connection.register("incoming", frame)
            connection.execute(
                f"copy (select {columns} from incoming) to '{aside}' (format parquet)"
            )
        put_in_place(aside, folder / f"{run_id}.parquet")

    def record_new(self, table: Table, frame: pd.DataFrame, run_id: str) -> int:
        """Keep the rows whose key no earlier run has recorded; return how many.

        Rows of the ledger are immutable: the first statement of a key stands.
        """
        known = [f for f in self.files(table) if f.stem != run_id]
        if known:
            frame = _without_known(table, frame, known)
        self.record(table, frame, run_id)
        return len(frame)

    def read(self, table: Table) -> pd.DataFrame:
        """Return every row ever recorded."""
        with duckdb.connect() as connection:
            return connection.execute(
                f"select * from {parquet_relation(table, self.files(table))}"
            ).df()

    def load_into(self, warehouse: Warehouse, table: Table) -> int:
        """Rebuild the warehouse's table from the ledger; return its rows."""
        return warehouse.write_from_parquet(table, self.files(table))


def _without_known(
    table: Table, frame: pd.DataFrame, known: list[Path]
) -> pd.DataFrame:
    condition = " and ".join(
        f'cast(incoming."{name}" as {column.type}) is not distinct from known."{name}"'
        for column in table.columns
        if (name := column.name) in table.key
    )
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.register("incoming", frame)
        return connection.execute(
            f"select incoming.* from incoming anti join "
            f"{parquet_relation(table, known)} as known on {condition}"
        ).df()
