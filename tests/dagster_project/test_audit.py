"""The audit: a check that did not run is no pass."""

from __future__ import annotations

import dagster as dg
import pytest

from dagster_project.defs.audit import GateError, refuse_gaps

WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


def evaluation(
    name: str, *, passed: bool = True, severity: dg.AssetCheckSeverity = ERROR
) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(["marts", "fct_metrics"]),
        check_name=name,
        passed=passed,
        severity=severity,
        metadata={},
    )


def key(name: str) -> dg.AssetCheckKey:
    return dg.AssetCheckKey(dg.AssetKey(["marts", "fct_metrics"]), name)


def test_all_passed_is_quiet() -> None:
    refuse_gaps([key("a"), key("b")], [evaluation("a"), evaluation("b")])


def test_a_warning_may_pass() -> None:
    refuse_gaps([key("a")], [evaluation("a", passed=False, severity=WARN)])


def test_a_check_that_did_not_run_stops_the_night() -> None:
    with pytest.raises(GateError, match="not evaluated: b on marts/fct_metrics"):
        refuse_gaps([key("a"), key("b")], [evaluation("a")])


def test_a_failure_that_did_not_stop_anything_is_caught_here() -> None:
    with pytest.raises(GateError, match="failed: a on marts/fct_metrics"):
        refuse_gaps([key("a")], [evaluation("a", passed=False)])


def test_a_failure_of_an_unexpected_check_counts_too() -> None:
    with pytest.raises(GateError, match="failed: b"):
        refuse_gaps([key("a")], [evaluation("a"), evaluation("b", passed=False)])
