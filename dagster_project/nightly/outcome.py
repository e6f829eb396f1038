"""How a night ended, read from its events: landed figures, gates, the first error."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from dagster_project.checks import Finding, finding_of, status_of
from dagster_project.nightly.exit_codes import ExitCode

CATALOG_ERRORS = ("CatalogError",)
CONTRACT_WORDS = "enforced contract that failed"


@dataclass(frozen=True)
class Judged:
    """One check of the night: where, what, and what it found."""

    asset: str
    check_name: str
    status: str
    finding: Finding


@dataclass(frozen=True)
class Failure:
    """The step that failed first, the class of the error and its message."""

    step: str
    error: str
    message: str


@dataclass(frozen=True)
class Outcome:
    """A finished night.

    `landed` is the metadata of the landing step (empty when it did not run).
    """

    run_id: str
    success: bool
    landed: Mapping[str, Any]
    checks: Sequence[Judged]
    failure: Failure | None

    def with_status(self, status: str) -> list[Judged]:
        """Return the checks that passed, warned or failed."""
        return [check for check in self.checks if check.status == status]

    @property
    def exit_code(self) -> ExitCode:
        """What the process should say to its caller."""
        if self.success:
            return ExitCode.OK
        if self.with_status("failed"):
            return ExitCode.GATE_FAILED
        if self.failure is None:
            return ExitCode.CRASH
        if self.failure.error in CATALOG_ERRORS:
            return ExitCode.USAGE
        if self.failure.error == "GateError" or CONTRACT_WORDS in self.failure.message:
            return ExitCode.GATE_FAILED
        return ExitCode.CRASH


def outcome_of(result: dg.ExecuteInProcessResult) -> Outcome:
    """Read the outcome from the events of a run."""
    return Outcome(
        run_id=result.run_id,
        success=result.success,
        landed=_landed(result.all_events),
        checks=[
            _judged(event.asset_check_evaluation_data)
            for event in result.all_events
            if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION
        ],
        failure=_first_failure(result.all_events),
    )


LANDED_ASSET = dg.AssetKey(["raw", "loads"])


def _landed(events: Sequence[dg.DagsterEvent]) -> dict[str, Any]:
    for event in events:
        if (
            event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION
            and event.asset_key == LANDED_ASSET
        ):
            metadata = event.materialization.metadata
            return {name: item.value for name, item in metadata.items()}
    return {}


def _judged(evaluation: dg.AssetCheckEvaluation) -> Judged:
    return Judged(
        asset=evaluation.asset_key.to_user_string(),
        check_name=evaluation.check_name,
        status=status_of(evaluation),
        finding=finding_of(evaluation),
    )


def _first_failure(events: Sequence[dg.DagsterEvent]) -> Failure | None:
    for event in events:
        if event.event_type != dg.DagsterEventType.STEP_FAILURE:
            continue
        error = event.step_failure_data.error
        if error is None:
            continue
        while error.cause is not None:
            error = error.cause
        message = re.sub(rf"^[\w.]*{error.cls_name}: ", "", error.message).strip()
        if event.step_failure_data.user_failure_data is not None:
            message = event.step_failure_data.user_failure_data.description or message
        return Failure(event.step_key or "", error.cls_name or "", message)
    return None
