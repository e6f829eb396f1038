"""What a check found, in one form, whichever gate it belongs to.

Dagster keeps it as metadata of the evaluation; `record.py` turns evaluations into
rows of `trust.check_results`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

MAX_EXAMPLES = 10


@dataclass(frozen=True)
class Finding:
    """What a check saw.

    `failed_count` counts rows or values that break the rule; `examples` are up to
    ten of them; `observed` says in words or JSON what was measured; `cure` says what
    to do.
    """

    gate: str
    failed_count: int
    observed: str
    examples: Sequence[Mapping[str, Any]]
    cure: str


def finding_metadata(finding: Finding) -> dict[str, Any]:
    """Return the finding as metadata of a check evaluation."""
    return {
        "gate": finding.gate,
        "failed_count": finding.failed_count,
        "observed": finding.observed,
        "examples": dg.MetadataValue.json(list(finding.examples[:MAX_EXAMPLES])),
        "cure": finding.cure,
    }


def warning(spec: dg.AssetCheckSpec, finding: Finding) -> dg.AssetCheckResult:
    """Return the result of a check that warns: passed where nothing was found."""
    return dg.AssetCheckResult(
        check_name=spec.name,
        asset_key=spec.asset_key,
        passed=finding.failed_count == 0,
        severity=dg.AssetCheckSeverity.WARN,
        metadata=finding_metadata(finding),
    )


def finding_of(evaluation: dg.AssetCheckEvaluation) -> Finding:
    """Read a finding back from an evaluation."""
    values: dict[str, Any] = {
        name: item.value for name, item in evaluation.metadata.items()
    }
    return Finding(
        gate=str(values.get("gate") or "unknown"),
        failed_count=int(values.get("failed_count") or 0),
        observed=str(values.get("observed") or ""),
        examples=values.get("examples") or [],
        cure=str(values.get("cure") or ""),
    )


def status_of(evaluation: dg.AssetCheckEvaluation) -> str:
    """Return passed, warned or failed."""
    if evaluation.passed:
        return "passed"
    if evaluation.severity == dg.AssetCheckSeverity.WARN:
        return "warned"
    return "failed"
