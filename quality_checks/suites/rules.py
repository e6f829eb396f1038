"""The forms of rules that the suites share, as plain expectations.

Only the shape of an expectation belongs here; what is expected of which table, and
why, belongs in the suite of that table.
"""

from __future__ import annotations

from collections.abc import Sequence

from quality_checks.verdict import Expectation, Severity


def sql_literal(text: str) -> str:
    """Quote a text as a SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def sql_list(texts: Sequence[str]) -> str:
    """Write texts as a SQL list of varchar; an empty one keeps its type."""
    return f"[{', '.join(sql_literal(text) for text in texts)}]::varchar[]"


def has_columns(columns: Sequence[str], *, exactly: bool, cure: str) -> Expectation:
    """All these columns are there; `exactly`: and no others."""
    only = "exactly" if exactly else "at least"
    return Expectation(
        name="columns",
        expectation_type="expect_table_columns_to_match_set",
        kwargs={"column_set": list(columns), "exact_match": exactly},
        severity="critical",
        cure=cure,
        description=f"the table has {only} the {len(columns)} declared columns",
    )


def never_null(column: str, table: str, shown: str, cure: str) -> Expectation:
    """No row lacks a value in the column; `shown`: columns of the examples."""
    return Expectation(
        name=f"{column}_not_null",
        expectation_type="expect_column_values_to_not_be_null",
        kwargs={"column": column},
        severity="critical",
        cure=cure,
        description=f"every row has a value in {column}",
        examples_sql=f"select {shown} from {table} where {column} is null",
    )


def no_such_rows(
    name: str,
    query: str,
    *,
    description: str,
    cure: str,
    severity: Severity = "critical",
) -> Expectation:
    """Hold when a query over `{batch}` returns no row; its rows are the examples."""
    return Expectation(
        name=name,
        expectation_type="unexpected_rows_expectation",
        kwargs={"unexpected_rows_query": query},
        severity=severity,
        cure=cure,
        description=description,
    )


def has_rows(
    name: str, *, severity: Severity, description: str, cure: str
) -> Expectation:
    """The table has at least one row."""
    return Expectation(
        name=name,
        expectation_type="expect_table_row_count_to_be_between",
        kwargs={"min_value": 1},
        severity=severity,
        cure=cure,
        description=description,
    )


def measured_at_most(
    name: str,
    measure: str,
    limit: float,
    *,
    table: str,
    severity: Severity,
    description: str,
    cure: str,
    evidence_sql: str,
    examples_sql: str | None = None,
) -> Expectation:
    """A measure (a column of the one-row `table`) is not above a limit."""
    return Expectation(
        name=name,
        expectation_type="expect_column_max_to_be_between",
        kwargs={"column": measure, "max_value": limit},
        severity=severity,
        cure=cure,
        description=description,
        table=table,
        examples_sql=examples_sql,
        evidence_sql=evidence_sql,
    )
