"""Turns what an expectation found into counts, words and examples.

Great Expectations says whether a rule holds; the figures a person wants beside it
(exact counts, whole offending rows) are queried here. No rules, and no import of
Great Expectations.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import duckdb

from quality_checks.verdict import MAX_EXAMPLES, Expectation


@dataclass(frozen=True)
class Judgement:
    """What Great Expectations answered: the rule holds or not, or why it did not run.

    result: its result dictionary (`unexpected_count`, `observed_value`, `details`).
    """

    holds: bool
    error: str | None
    result: Mapping[str, Any]


@dataclass(frozen=True)
class Evidence:
    """Counts, words and examples of one evaluated rule; see `CheckResult`."""

    failed_count: int | None
    row_count: int | None
    observed: str
    examples: list[dict[str, Any]] = field(default_factory=list)


def collect_evidence(
    connection: duckdb.DuckDBPyConnection,
    expectation: Expectation,
    judgement: Judgement,
    row_count: int,
    unexpected_rows_query: str | None,
) -> Evidence:
    """Gather the evidence of an evaluated expectation.

    unexpected_rows_query: the query whose rows break the rule, when the expectation
    is of that kind. Raises `duckdb.Error` when a query of the suite is wrong.
    """
    examples_sql = expectation.examples_sql or unexpected_rows_query
    examples: list[dict[str, Any]] = []
    if examples_sql and not judgement.holds:
        examples = fetch_examples(connection, examples_sql)
    if expectation.evidence_sql:
        failed, rows, observed = _one_row(connection, expectation.evidence_sql)
    elif unexpected_rows_query:
        failed = 0
        if not judgement.holds:
            counting = f"select count(*), 0, '' from ({unexpected_rows_query})"
            failed = _one_row(connection, counting)[0]
        rows, observed = row_count, counted_in_words(failed, row_count)
    else:
        failed, rows, observed = _from_result(judgement.result, row_count)
    return Evidence(failed, rows, observed, examples)


def counted_in_words(failed: int | None, rows: int | None) -> str:
    """Say "12 of 1,000 rows (1.2 %)"."""
    if failed is None or rows is None:
        return "unknown"
    share = f" ({percent(failed / rows)})" if rows and failed else ""
    return f"{failed:,} of {rows:,} rows{share}"


def percent(share: float) -> str:
    """Say a share as percent, three significant digits, never a false 0 or 100."""
    return f"{100 * share:.3g} %"


def fetch_examples(
    connection: duckdb.DuckDBPyConnection, sql: str
) -> list[dict[str, Any]]:
    """Fetch at most ten rows as plain JSON values."""
    ran = connection.execute(f"select * from ({sql}) limit {MAX_EXAMPLES}")
    names = [column[0] for column in ran.description or []]
    return [
        {name: plain(value) for name, value in zip(names, row, strict=True)}
        for row in ran.fetchall()
    ]


def plain(value: Any) -> Any:
    """Return a database value as a JSON value; what JSON lacks becomes text."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def _one_row(
    connection: duckdb.DuckDBPyConnection, sql: str
) -> tuple[int | None, int | None, str]:
    row = connection.execute(sql).fetchone()
    if row is None or len(row) != 3:
        raise duckdb.InvalidInputException(
            "an evidence query must give one row: failed_count, row_count, observed"
        )
    failed, rows, observed = row
    failed = None if failed is None else int(failed)
    rows = None if rows is None else int(rows)
    return failed, rows, str(observed or counted_in_words(failed, rows))


def _from_result(
    result: Mapping[str, Any], row_count: int
) -> tuple[int | None, int | None, str]:
    if "unexpected_count" in result:
        failed = int(result["unexpected_count"] or 0)
        rows = int(result["element_count"] or 0)
        return failed, rows, counted_in_words(failed, rows)
    mismatched = (result.get("details") or {}).get("mismatched")
    if mismatched:
        columns = [name for names in mismatched.values() for name in names]
        words = "; ".join(
            f"{kind} columns {', '.join(map(str, names))}"
            for kind, names in mismatched.items()
        )
        return len(columns), row_count, words
    observed = result.get("observed_value")
    if isinstance(observed, list):
        return 0, row_count, f"{len(observed)} columns as expected"
    return None, row_count, f"observed {plain(observed)}"
