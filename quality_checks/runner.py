"""Runs a suite on DuckDB: the only module that imports Great Expectations.

One DuckDB connection serves a run: it is opened here, prepared by the callers' SQL,
lent to Great Expectations, and closed when the verdict is known. Which rules a table
must meet belongs in `suites/`, what a result looks like in `verdict.py`, how figures
become words in `evidence.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

import duckdb

from quality_checks.evidence import Evidence, Judgement, collect_evidence
from quality_checks.verdict import CheckResult, Expectation, Status, Suite, Verdict

# Rows that Great Expectations may fetch of a failing query; the exact count and the
# examples are queried here, so this bounds memory and truncates nothing.
FETCHED_ROWS = 200

# DuckDB lists every candidate function behind some messages.
MAX_REASON = 600

UNEXPECTED_ROWS = "unexpected_rows_expectation"


@dataclass(frozen=True)
class _Batch:
    """A table as Great Expectations sees it: its temporary view, rows, rules."""

    table: str
    view: str
    row_count: int
    expectations: tuple[Expectation, ...]


def run_suite(
    suite: Suite,
    database: Path | str,
    *,
    read_only: bool = True,
    setup_sql: Sequence[str] = (),
    config: Mapping[str, Any] | None = None,
) -> Verdict:
    """Evaluate every expectation of a suite and return what was found.

    database: a DuckDB file, or ":memory:" when `setup_sql` brings the data (for
        instance views over Parquet files).
    read_only: leave the file unlocked for other readers; temporary views and tables
        are possible all the same. Without effect in memory.
    setup_sql: statements run on the connection before the suite's own `setup_sql`.
    config: DuckDB settings (`threads`, `memory_limit`). DuckDB wants the same ones
        from all connections that a process has open on a file.

    Each expectation gives one result. What cannot be evaluated is `errored`, never
    passed: a database that does not open, a table or column that is not there, SQL
    that fails, a suite without expectations. Nothing is raised for these.
    """
    if not suite.expectations:
        return Verdict((_error(suite, None, "the suite has no expectations"),))
    try:
        connection = _connect(database, read_only=read_only, config=config)
    except duckdb.Error as error:
        reason = f"the database {database} cannot be opened: {error}"
        return Verdict(tuple(_error(suite, e, reason) for e in suite.expectations))
    with closing(connection):
        broken = _prepare(connection, (*setup_sql, *suite.setup_sql))
        return Verdict(_judge_suite(suite, connection, broken))


def _connect(
    database: Path | str, *, read_only: bool, config: Mapping[str, Any] | None
) -> duckdb.DuckDBPyConnection:
    in_memory = str(database) == ":memory:"
    connection = duckdb.connect(
        str(database), read_only=read_only and not in_memory, config=dict(config or {})
    )
    connection.execute("set timezone = 'UTC'")
    return connection


def _prepare(
    connection: duckdb.DuckDBPyConnection, statements: Sequence[str]
) -> str | None:
    """Run the preparing statements; return why the first bad one failed."""
    for statement in statements:
        try:
            connection.execute(statement)
        except duckdb.Error as error:
            return f"preparing the check failed: {error}"
    return None


def _judge_suite(
    suite: Suite, connection: duckdb.DuckDBPyConnection, broken: str | None
) -> tuple[CheckResult, ...]:
    results: dict[str, CheckResult] = {}
    batches: list[_Batch] = []
    tables = dict.fromkeys(e.table or suite.table for e in suite.expectations)
    for number, table in enumerate(tables):
        rules = tuple(
            e for e in suite.expectations if (e.table or suite.table) == table
        )
        try:
            batches.append(_batch(connection, table, f"judged_{number}", rules))
        except duckdb.Error as error:
            reason = broken or f"{table} cannot be read: {error}"
            results |= {e.name: _error(suite, e, reason) for e in rules}
    judgements = _judge(connection, batches) if batches else {}
    for batch in batches:
        for expectation in batch.expectations:
            results[expectation.name] = _result(
                suite, batch, expectation, judgements.get(expectation.name), connection
            )
    ordered = [results[expectation.name] for expectation in suite.expectations]
    if broken and all(result.status != "errored" for result in ordered):
        ordered.append(_error(suite, None, broken))
    return tuple(ordered)


def _batch(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    view: str,
    expectations: tuple[Expectation, ...],
) -> _Batch:
    # A view of a plain name: Great Expectations takes no schema-qualified names.
    connection.execute(f"create or replace temp view {view} as select * from {table}")
    counted = connection.execute(f"select count(*) from {view}").fetchone()
    return _Batch(table, view, int(counted[0]) if counted else 0, expectations)


def _judge(
    connection: duckdb.DuckDBPyConnection, batches: Sequence[_Batch]
) -> dict[str, Judgement]:
    """Let Great Expectations evaluate the batches; return judgements by check."""
    # Imported here: 6 s that only a process which judges should pay.
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    from quality_checks.duckdb_dialect import URL_TEXT, Lease, register_dialect

    register_dialect()
    context = gx.get_context(
        mode="ephemeral",
        project_config=DataContextConfig(
            store_backend_defaults=InMemoryStoreBackendDefaults(
                init_temp_docs_sites=False
            ),
            analytics_enabled=False,
            progress_bars=ProgressBarsConfig(globally=False),
        ),
    )
    lease = Lease(connection)
    sources: Any = context.data_sources  # its stub leaves `kwargs` out
    source = sources.add_sql(
        name="duckdb", connection_string=URL_TEXT, kwargs={"creator": lease.connect}
    )
    try:
        judgements: dict[str, Judgement] = {}
        for batch in batches:
            judgements |= _judge_batch(source, batch)
        return judgements
    finally:
        lease.revoke()
        sources.delete(source.name)


def _judge_batch(source: Any, batch: _Batch) -> dict[str, Judgement]:
    import great_expectations as gx
    from great_expectations.exceptions.exceptions import GreatExpectationsError
    from great_expectations.expectations.expectation_configuration import (
        ExpectationConfiguration,
    )
    from great_expectations.expectations.metadata_types import FailureSeverity

    asset = source.add_table_asset(name=batch.view, table_name=batch.view)
    whole = asset.add_batch_definition_whole_table("whole").get_batch()
    judgements: dict[str, Judgement] = {}
    rules = []
    for expectation in batch.expectations:
        try:
            configuration = ExpectationConfiguration(
                type=expectation.expectation_type,
                kwargs=_bounded(expectation),
                severity=FailureSeverity(expectation.severity),
                meta={"check": expectation.name},
            )
            rules.append(configuration.to_domain_obj())
        except (GreatExpectationsError, ValueError, TypeError) as error:
            reason = f"{type(error).__name__}: {error}"
            judgements[expectation.name] = Judgement(False, reason, {})
    if rules:
        validated = whole.validate(
            gx.ExpectationSuite(name=batch.view, expectations=rules),
            # Offending values are queried as whole rows, on failure only.
            result_format={"result_format": "SUMMARY", "partial_unexpected_count": 0},
        )
        for found in validated.results:
            judgements[found.expectation_config.meta["check"]] = Judgement(
                bool(found.success),
                _raised(found.exception_info),
                dict(found.result),
            )
    return judgements


def _bounded(expectation: Expectation) -> dict[str, Any]:
    kwargs = dict(expectation.kwargs)
    if expectation.expectation_type == UNEXPECTED_ROWS:
        query = kwargs["unexpected_rows_query"]
        kwargs["unexpected_rows_query"] = (
            f"select * from ({query}) as offending limit {FETCHED_ROWS}"
        )
    return kwargs


def _raised(exception_info: Any) -> str | None:
    """Return the message of what an expectation raised, None when it ran.

    Great Expectations gives one record, or one record per metric that failed.
    """
    info = exception_info or {}
    records = [info] if "raised_exception" in info else list(info.values())
    messages = [
        # SQLAlchemy adds the statement and a link behind the message.
        str(record.get("exception_message")).split("[SQL:")[0]
        for record in records
        if record.get("raised_exception")
    ]
    return messages[0] if messages else None


def _result(
    suite: Suite,
    batch: _Batch,
    expectation: Expectation,
    judgement: Judgement | None,
    connection: duckdb.DuckDBPyConnection,
) -> CheckResult:
    if judgement is None:
        return _error(suite, expectation, "Great Expectations gave no result for it")
    if judgement.error is not None:
        return _error(suite, expectation, judgement.error)
    query = None
    if expectation.expectation_type == UNEXPECTED_ROWS:
        query = expectation.kwargs["unexpected_rows_query"].format(batch=batch.view)
    try:
        evidence = collect_evidence(
            connection, expectation, judgement, batch.row_count, query
        )
    except duckdb.Error as error:
        return _error(suite, expectation, f"its evidence cannot be queried: {error}")
    return _judged(suite, batch.table, expectation, judgement.holds, evidence)


def _judged(
    suite: Suite, table: str, expectation: Expectation, holds: bool, evidence: Evidence
) -> CheckResult:
    broken: Status = "failed" if expectation.severity == "critical" else "warned"
    return CheckResult(
        suite=suite.name,
        table=table,
        check_name=expectation.name,
        severity=expectation.severity,
        status="passed" if holds else broken,
        failed_count=evidence.failed_count,
        row_count=evidence.row_count,
        observed=evidence.observed,
        cure=expectation.cure,
        description=expectation.description,
        examples=evidence.examples,
    )


def _error(suite: Suite, expectation: Expectation | None, reason: str) -> CheckResult:
    """Build the result of a check, or of a whole suite, that could not run."""
    return CheckResult(
        suite=suite.name,
        table=(expectation.table if expectation else None) or suite.table,
        check_name=expectation.name if expectation else "suite_can_run",
        severity=expectation.severity if expectation else "critical",
        status="errored",
        failed_count=None,
        row_count=None,
        observed=shorten(reason, MAX_REASON, placeholder=" ..."),
        cure=(
            "The check itself could not be evaluated, so nothing is known about the "
            "data: repair what the message names (a table or column that is not "
            "there, a file in use), then run again."
        ),
        description=expectation.description if expectation else suite.description,
    )
