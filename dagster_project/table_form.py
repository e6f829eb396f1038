"""The form in which a table that Python writes is declared.

Only the form belongs here; the tables are in `tables.py` and `experiment_tables.py`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """A column: name, DuckDB type, meaning, and whether it may name persons."""

    name: str
    type: str
    description: str
    is_personal: bool = False


@dataclass(frozen=True)
class Table:
    """A table: schema, name, grain, columns, and the columns that name a row.

    `is_about_persons`: its rows are of single persons; it is published apart.
    """

    schema: str
    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    is_about_persons: bool = False

    @property
    def qualified(self) -> str:
        """`schema.name`."""
        return f"{self.schema}.{self.name}"

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(column.name for column in self.columns)
