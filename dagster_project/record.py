"""What a run leaves behind about itself: check results and the health of its stages.

Reads Dagster's event log of the run, writes the ledger and the `trust` tables.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime

import dagster as dg
import pandas as pd

from dagster_project.checks import finding_of, status_of
from dagster_project.ledger import Ledger
from dagster_project.tables import CHECK_RESULTS, RUN_HEALTH
from dagster_project.warehouse import Warehouse

ROW_COUNT = "dagster/row_count"
# Rows this run wrote, where the table's total says nothing about the night.
ROWS_WRITTEN = "rows_written"
# The run that wrote a table, where this run had no reason to write it again.
UNCHANGED_SINCE = "unchanged_since_run"
# The table was built in full, because other code had built the one that stood.
CODE_CHANGED = "code_changed"
RUN_STAGE = "run"


def evaluations(
    instance: dg.DagsterInstance, run_id: str
) -> list[tuple[datetime, dg.AssetCheckEvaluation]]:
    """Return every check evaluation of the run with its time (UTC), oldest first."""
    entries = instance.all_logs(
        run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
    )
    return [
        (
            datetime.fromtimestamp(entry.timestamp, tz=UTC),
            entry.get_dagster_event().asset_check_evaluation_data,
        )
        for entry in entries
    ]


def missing_checks(
    expected: Iterable[dg.AssetCheckKey],
    found: Iterable[dg.AssetCheckEvaluation],
) -> list[dg.AssetCheckKey]:
    """Return the expected checks that were not evaluated, sorted."""
    seen = {evaluation.asset_check_key for evaluation in found}
    return sorted(set(expected) - seen, key=lambda key: key.to_user_string())


def check_results(instance: dg.DagsterInstance, run_id: str) -> pd.DataFrame:
    """Return the rows of `trust.check_results` for the run."""
    rows = []
    for checked_at, evaluation in evaluations(instance, run_id):
        finding = finding_of(evaluation)
        rows.append(
            {
                "run_id": run_id,
                "checked_at": checked_at.replace(tzinfo=None),
                "gate": finding.gate,
                "asset": evaluation.asset_key.to_user_string(),
                "check_name": evaluation.check_name,
                "severity": evaluation.severity.value.lower(),
                "status": status_of(evaluation),
                "failed_count": finding.failed_count,
                "observed": finding.observed,
                "examples": json.dumps(finding.examples, default=str),
                "cure": finding.cure,
            }
        )
    return pd.DataFrame(rows, columns=list(CHECK_RESULTS.column_names))


def run_health(instance: dg.DagsterInstance, run_id: str) -> pd.DataFrame:
    """Return the rows of `trust.run_health` for the run, as far as it has come."""
    rows_by_step = _rows_by_step(instance, run_id)
    rows = []
    for step in instance.get_run_step_stats(run_id):
        if step.start_time is None:
            continue
        rows.append(
            {
                "run_id": run_id,
                "started_at": _utc(step.start_time),
                "finished_at": _utc(step.end_time),
                "status": _STATUS[step.status.value if step.status else None],
                "stage": step.step_key,
                "seconds": (step.end_time or 0) - step.start_time
                if step.end_time
                else None,
                "rows": rows_by_step.get(step.step_key),
            }
        )
    return pd.DataFrame(rows, columns=list(RUN_HEALTH.column_names))


_STATUS = {
    "SUCCESS": "succeeded",
    "FAILURE": "failed",
    "SKIPPED": "skipped",
    "IN_PROGRESS": "running",
    None: "running",
}


def _utc(timestamp: float | None) -> datetime | None:
    if timestamp is None:
        return None
    return datetime.fromtimestamp(timestamp, tz=UTC).replace(tzinfo=None)


def _rows_by_step(instance: dg.DagsterInstance, run_id: str) -> dict[str, int]:
    rows: dict[str, int] = {}
    for entry in instance.all_logs(
        run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION
    ):
        event = entry.get_dagster_event()
        metadata = event.materialization.metadata
        count = metadata.get(ROWS_WRITTEN, metadata.get(ROW_COUNT))
        if event.step_key and count is not None:
            rows[event.step_key] = rows.get(event.step_key, 0) + int(str(count.value))
    return rows


def record_run(instance: dg.DagsterInstance, run_id: str, ledger: Ledger) -> None:
    """Write what the run has found so far to the ledger; may be repeated."""
    ledger.record(CHECK_RESULTS, check_results(instance, run_id), run_id)
    ledger.record(RUN_HEALTH, run_health(instance, run_id), run_id)


def load_records(ledger: Ledger, warehouse: Warehouse) -> None:
    """Rebuild the `trust` tables of check results and run health."""
    ledger.load_into(warehouse, CHECK_RESULTS)
    ledger.load_into(warehouse, RUN_HEALTH)


def latest_check_results(ledger: Ledger) -> pd.DataFrame:
    """Return the check results of the run that was judged last; empty before any."""
    checks = ledger.read(CHECK_RESULTS)
    if checks.empty:
        return checks
    newest = str(checks.sort_values("checked_at")["run_id"].iloc[-1])
    return checks.loc[checks["run_id"] == newest].reset_index(drop=True)


def latest_run_failed(ledger: Ledger) -> bool:
    """Say whether a stage of the newest run failed."""
    health = ledger.read(RUN_HEALTH)
    if health.empty:
        return False
    newest = health.sort_values("started_at")["run_id"].iloc[-1]
    return bool((health.loc[health["run_id"] == newest, "status"] == "failed").any())
