"""Publishing outside a night: only what the last night's audit let through."""

from __future__ import annotations

from dataclasses import dataclass

from dagster_project.defs.publish import publish_now
from dagster_project.ledger import Ledger
from dagster_project.record import latest_check_results, latest_run_failed
from dagster_project.settings import Settings
from dagster_project.warehouse import Warehouse


@dataclass(frozen=True)
class PublishOutcome:
    """`refusal` says why nothing was published; null when it was."""

    refusal: str | None


def publish_last_night(
    settings: Settings, warehouse: Warehouse, ledger: Ledger
) -> PublishOutcome:
    """Publish the warehouse in the name of its last run, or say why not."""
    checks = latest_check_results(ledger)
    if checks.empty:
        return PublishOutcome("no night has been judged yet: start `daybreak run`")
    failed = checks[checks["status"] == "failed"]
    if len(failed):
        names = ", ".join(failed["check_name"] + " on " + failed["asset"])
        return PublishOutcome(f"the last night failed its gates: {names}")
    if latest_run_failed(ledger):
        return PublishOutcome("the last night broke off: start `daybreak run`")
    publish_now(settings, warehouse, str(checks["run_id"].iloc[0]))
    return PublishOutcome(None)
