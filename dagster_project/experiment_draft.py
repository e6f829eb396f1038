"""The first declaration of an experiment: text that a person goes on to edit.

Only the text belongs here; what may stand in it is the catalog's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dagster_project.analysis.experiment_plan import Plan
from ingestion.catalog.experiment_templates import ExperimentTemplate


@dataclass(frozen=True)
class Draft:
    """What `daybreak experiments new` was asked for, and the plan made of it."""

    name: str
    template: ExperimentTemplate
    success: str
    guardrails: Sequence[str]
    event: str
    treatments: int
    mde: float
    plan: Plan
    basis: str


def draft_text(draft: Draft) -> str:
    """Return the YAML of `experiments/<name>.yml`."""
    template, plan = draft.template, draft.plan
    arms = ["control", *(f"variant_{chr(97 + n)}" for n in range(draft.treatments))]
    shares = _equal_shares(len(arms))
    variants = [
        f"      - {{name: {arm}, allocation: {share}"
        + (", is_control: true}" if arm == "control" else "}")
        for arm, share in zip(arms, shares, strict=True)
    ]
    window = next((m.window for m in template.metrics if m.role == "success"), None)
    success = f"      - {{metric: {draft.success}, role: success, mde: {draft.mde:g}"
    success += f", window: {window}}}" if window else "}"
    margin = next((m.margin for m in template.metrics if m.margin), 0.05)
    guards = [
        f"      - {{metric: {name}, role: guardrail, margin: {margin:g}}}"
        for name in draft.guardrails
    ]
    detectable = (
        f"; finds a lift of {plan.detectable * 100:.1f} %" if plan.detectable else ""
    )
    return "\n".join(
        [
            "# yaml-language-server: $schema=../experiments.schema.json",
            "experiments:",
            f"  - name: {draft.name}",
            f"    label: {draft.name.replace('_', ' ').capitalize()}",
            f"    hypothesis: {template.hypothesis}",
            f"    template: {template.name}",
            "    status: draft # running, once the dates are set",
            "    unit: person",
            f"    planned_days: {plan.days}",
            f"    # All variants; power asks for {plan.needed_units}{detectable}.",
            f"    # Planned by {draft.basis}.",
            f"    planned_units: {plan.units}",
            "    exposure:",
            f"      event: {draft.event}",
            f"      where: property('experiment') = '{draft.name}'",
            "      variant: property('variant')",
            "    variants:",
            *variants,
            f"    assignment: {{salt: {draft.name}}}",
            "    metrics:",
            success,
            *guards,
            "",
        ]
    )


def _equal_shares(arms: int) -> list[str]:
    """Shares of four digits that add up to 1 exactly; the control takes the rest."""
    each = 10_000 // arms
    parts = [10_000 - each * (arms - 1), *[each] * (arms - 1)]
    return [f"{part / 10_000:g}" for part in parts]
