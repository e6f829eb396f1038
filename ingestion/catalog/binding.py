"""Whether a compiled expression fits the types of an event, or of a session.

`lower(revenue)` is a sound expression over known columns and still fails in the
night. So each one is bound (never run) by DuckDB against an empty event table.
Not here: names, syntax and safety (`expressions`), and what type a metric needs
(`checks`).
"""

from __future__ import annotations

import re
from types import TracebackType
from typing import Final, Literal, Self

import duckdb

from ingestion.catalog.columns import EVENT_COLUMNS, SESSION_COLUMNS
from ingestion.catalog.expressions import ExpressionError

Relation = Literal["events", "sessions"]

_LOCKED: Final[dict[str, str]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "threads": "1",
}
_NUMERIC: Final = re.compile(
    r"(U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|FLOAT|DOUBLE|DECIMAL\(.*\))"
)


class ExpressionBinder:
    """Empty tables in memory to try expressions on; close it after use."""

    def __init__(self) -> None:
        columns = {**EVENT_COLUMNS, "person_properties": "VARCHAR"}
        self._connection = duckdb.connect(":memory:", config=dict(_LOCKED))
        for relation, types in (("events", columns), ("sessions", SESSION_COLUMNS)):
            declared = ", ".join(f"{name} {type_}" for name, type_ in types.items())
            self._connection.execute(f"create table {relation} ({declared})")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def type_of(self, sql: str, relation: Relation = "events") -> str:
        """Give the DuckDB type of a compiled expression; ExpressionError if none."""
        try:
            row = self._connection.execute(
                f"describe select {sql} as result from {relation}"
            ).fetchone()
        except duckdb.Error as error:
            reason = re.sub(r"\s+", " ", str(error).split("\n", 1)[0])
            raise ExpressionError(
                "the types do not fit: " + re.sub(r"^\w[\w ]*Error: ", "", reason)
            ) from None
        if row is None:
            raise ExpressionError("the expression has no type")
        return str(row[1])


def is_numeric(type_name: str) -> bool:
    """Say whether a DuckDB type is a number."""
    return _NUMERIC.fullmatch(type_name) is not None
