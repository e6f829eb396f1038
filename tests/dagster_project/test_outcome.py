"""How a night ended, as an exit code."""

from __future__ import annotations

from typing import Any

import pytest

from dagster_project.checks import Finding
from dagster_project.nightly.exit_codes import MEANINGS, ExitCode
from dagster_project.nightly.outcome import Failure, Judged, Outcome


def outcome(**changes: Any) -> Outcome:
    given: dict[str, Any] = {
        "run_id": "r",
        "success": False,
        "landed": {},
        "checks": [],
        "failure": None,
    }
    return Outcome(**(given | changes))


def judged(status: str) -> Judged:
    return Judged("raw/events", "columns", status, Finding("g", 1, "", [], ""))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"success": True, "checks": [judged("warned")]}, ExitCode.OK),
        ({"checks": [judged("failed")]}, ExitCode.GATE_FAILED),
        ({"failure": Failure("audit", "GateError", "not run")}, ExitCode.GATE_FAILED),
        (
            {
                "failure": Failure(
                    "dbt_marts",
                    "Failure",
                    "This model has an enforced contract that failed.",
                )
            },
            ExitCode.GATE_FAILED,
        ),
        ({"failure": Failure("catalog", "CatalogError", "line 3")}, ExitCode.USAGE),
        ({"failure": Failure("landing", "OSError", "disk full")}, ExitCode.CRASH),
        ({}, ExitCode.CRASH),
    ],
)
def test_exit_codes(changes: dict[str, Any], code: ExitCode) -> None:
    assert outcome(**changes).exit_code == code


def test_every_exit_code_is_explained() -> None:
    assert set(MEANINGS) == set(ExitCode)
    assert [int(code) for code in ExitCode] == [0, 1, 2, 3, 4]
