from __future__ import annotations

from typing import Any

import pytest

from quality_checks.verdict import (
    CheckResult,
    Expectation,
    Severity,
    Status,
    Suite,
    Verdict,
    summarise,
)


def result(status: Status, severity: Severity = "critical", **more: Any) -> CheckResult:
    return CheckResult(
        suite="raw_events",
        table="raw_events",
        check_name=f"check_{status}",
        severity=severity,
        status=status,
        failed_count=more.get("failed_count"),
        row_count=more.get("row_count"),
        observed=more.get("observed", "3 of 10 rows (30 %)"),
        cure="Send the id.",
        description=more.get("description", ""),
        examples=more.get("examples", []),
    )


def test_errors_block_whatever_their_severity() -> None:
    verdict = Verdict((result("passed"), result("errored", "warning")))
    assert [r.status for r in verdict.failed] == ["errored"]
    assert verdict.blocks


def test_warnings_do_not_block() -> None:
    verdict = Verdict((result("passed"), result("warned", "warning")))
    assert not verdict.blocks
    assert len(verdict.warned) == len(verdict.passed) == 1


def test_there_is_no_empty_verdict() -> None:
    with pytest.raises(ValueError, match="at least one check"):
        Verdict(())


def test_more_than_ten_examples_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 10 examples"):
        result("failed", examples=[{"i": i} for i in range(11)])


def test_names_in_a_suite_are_unique() -> None:
    twice = Expectation("same", "t", {}, "critical", "cure", "description")
    with pytest.raises(ValueError, match=r"repeated expectations \['same'\]"):
        Suite("s", "t", "d", (twice, twice))


def test_a_summary_names_check_count_examples_and_cure_worst_first() -> None:
    examples = [{"event_id": None, "source": f"s{i}"} for i in range(5)]
    verdict = Verdict(
        (
            result("passed"),
            result("warned", "warning"),
            result("failed", examples=examples, description="every row has an id"),
            result("errored", observed="no such table"),
        )
    )
    assert summarise(verdict) == [
        "FAILED raw_events.check_failed on raw_events: 3 of 10 rows (30 %).",
        "  Expected: every row has an id",
        "  For example: event_id null, source s0; event_id null, source s1; "
        "event_id null, source s2; and 2 more.",
        "  What to do: Send the id.",
        "COULD NOT RUN raw_events.check_errored on raw_events: no such table.",
        "  What to do: Send the id.",
        "WARNING raw_events.check_warned on raw_events: 3 of 10 rows (30 %).",
        "  What to do: Send the id.",
        "1 of 4 checks passed.",
    ]
