"""The experiments that a product runs again and again, as data.

Belongs here: how long each kind runs at least, on how many units, and which roles its
metrics play. Not here: how many units power asks for, which needs the product's own
history.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from ingestion.catalog.fields import window_seconds

Role = Literal["success", "guardrail", "deterioration", "secondary"]


@dataclass(frozen=True, slots=True)
class TemplateMetric:
    """A metric that a template asks for: its role, and what it should tell.

    `types` are the metric types that suit, the best one first; "funnel" stands for a
    funnel of funnels.yml. `window` counts from the exposure.
    """

    role: Role
    purpose: str
    types: tuple[str, ...]
    window: str | None = "7 days"
    margin: float | None = None
    mde: float | None = None


@dataclass(frozen=True, slots=True)
class ExperimentTemplate:
    """One kind of experiment.

    `planned_days` and `minimum_units` (all variants together) hold where a definition
    says nothing, and a definition may not plan for fewer units.
    """

    name: str
    label: str
    hypothesis: str
    planned_days: int
    minimum_units: int
    metrics: tuple[TemplateMetric, ...]

    def __post_init__(self) -> None:
        """Refuse a template whose windows cannot be read."""
        for metric in self.metrics:
            if metric.window is not None:
                window_seconds(metric.window)


_ERRORS: Final = TemplateMetric(
    "deterioration", "what breaks: errors, failed requests", ("count", "ratio"), "1 day"
)

TEMPLATES: Final[dict[str, ExperimentTemplate]] = {
    template.name: template
    for template in (
        ExperimentTemplate(
            "dashboard_layout",
            "Dashboard layout",
            "Another arrangement lets more people act on what the dashboard shows.",
            14,
            100,
            (
                TemplateMetric(
                    "success",
                    "the action that the dashboard leads to",
                    ("unique_persons", "conversion", "funnel"),
                    mde=0.1,
                ),
                TemplateMetric(
                    "guardrail", "coming back", ("retention",), None, margin=0.05
                ),
                TemplateMetric("secondary", "use of single features", ("count",)),
                _ERRORS,
            ),
        ),
        ExperimentTemplate(
            "onboarding",
            "Onboarding",
            "Another first run lets more newcomers reach their first value.",
            21,
            150,
            (
                TemplateMetric(
                    "success",
                    "the first value event",
                    ("funnel", "unique_persons", "conversion"),
                    mde=0.1,
                ),
                TemplateMetric(
                    "guardrail",
                    "coming back after a week",
                    ("retention",),
                    None,
                    margin=0.05,
                ),
                TemplateMetric("secondary", "steps done", ("count",)),
                _ERRORS,
            ),
        ),
        ExperimentTemplate(
            "feature_discovery",
            "Feature discovery",
            "Showing a feature where it is needed lets more people use it again.",
            28,
            200,
            (
                TemplateMetric(
                    "success",
                    "use of the feature",
                    ("unique_persons", "count"),
                    "14 days",
                    mde=0.1,
                ),
                TemplateMetric(
                    "guardrail",
                    "use of the product",
                    ("count",),
                    "14 days",
                    margin=0.02,
                ),
                TemplateMetric(
                    "secondary", "coming back after a week", ("retention",), None
                ),
                _ERRORS,
            ),
        ),
        ExperimentTemplate(
            "admin_workflow",
            "Admin workflow",
            "A shorter way through a task lets administrators finish it more often.",
            14,
            50,
            (
                TemplateMetric(
                    "success",
                    "the task finished",
                    ("funnel", "conversion", "unique_persons"),
                    mde=0.2,
                ),
                TemplateMetric("guardrail", "tasks done", ("count",), margin=0.05),
                _ERRORS,
            ),
        ),
        ExperimentTemplate(
            "mobile_experience",
            "Mobile experience",
            "A change made for small screens lets more people there do what they came "
            "for.",
            21,
            120,
            (
                TemplateMetric(
                    "success",
                    "what people come for on a phone",
                    ("unique_persons", "conversion", "funnel"),
                    mde=0.1,
                ),
                TemplateMetric(
                    "guardrail",
                    "coming back after a week",
                    ("retention",),
                    None,
                    margin=0.05,
                ),
                _ERRORS,
            ),
        ),
        ExperimentTemplate(
            "pricing",
            "Pricing",
            "Another price earns more from everyone who sees it, buyers or not.",
            28,
            200,
            (
                TemplateMetric("success", "revenue of a unit", ("sum",), mde=0.05),
                TemplateMetric(
                    "guardrail",
                    "share that buys",
                    ("unique_persons", "conversion"),
                    margin=0.05,
                ),
                TemplateMetric(
                    "deterioration", "refunds, cancellations", ("count", "ratio")
                ),
            ),
        ),
    )
}
