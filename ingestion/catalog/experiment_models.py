"""`experiments/*.yml`: one experiment a file, from its hypothesis to its metrics.

Shapes, defaults and what can be judged from one part alone. What the parts say of each
other, of metrics, funnels and other experiments is judged in `experiment_checks`; the
SQL is `experiment_sql`.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    model_validator,
)

from ingestion.catalog.experiment_templates import TEMPLATES, ExperimentTemplate, Role
from ingestion.catalog.fields import (
    Declared,
    EventName,
    EventNames,
    ExpressionText,
    Name,
    Text,
    Window,
)
from ingestion.catalog.metric_models import Dimension
from ingestion.catalog.suggestions import nearest_name

Status = Literal["draft", "running", "paused", "completed"]
Unit = Literal["person", "account", "session", "device"]
Assigner = Literal["daybreak", "others"]

CONFIDENCE_LEVELS: Final = (0.8, 0.9, 0.95, 0.99)
DEFAULT_WINDOW: Final = "7 days"
# The relative effect that a success metric is planned for where it does not say.
DEFAULT_MDE: Final = 0.05


def _share(value: object) -> object:
    """Refuse percent where a share is needed, and say how to write it."""
    text = str(value).strip()
    if isinstance(value, str) and text.endswith("%"):
        raise ValueError(f"'{text}' is a percentage: write a share, 0.02 for 2 %")
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 1:
        raise ValueError(
            f"{value:g} is not a share of the control's level: write {value / 100:g} "
            f"for {value:g} %"
        )
    return value


def _known_level(level: float) -> float:
    if level not in CONFIDENCE_LEVELS:
        listed = ", ".join(map(str, CONFIDENCE_LEVELS))
        raise ValueError(f"the confidence is one of {listed}")
    return level


def _known_template(name: object) -> object:
    if isinstance(name, str) and name not in TEMPLATES:
        near = nearest_name(name, TEMPLATES)
        hint = f" Did you mean '{near}'?" if near else ""
        raise ValueError(
            f"'{name}' is not a template ({', '.join(sorted(TEMPLATES))}).{hint}"
        )
    return name


Share = Annotated[float, BeforeValidator(_share), Field(gt=0, lt=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Confidence = Annotated[
    float,
    AfterValidator(_known_level),
    Field(json_schema_extra={"enum": list(CONFIDENCE_LEVELS)}),
]
VariantName = Annotated[EventName, StringConstraints(max_length=100)]


class ExposureSpec(Declared):
    """Events that show that a unit met its variant, and where they name it."""

    event: EventNames
    where: ExpressionText | None = Field(
        default=None,
        description="Only events where this, such as property('experiment') = 'x'.",
    )
    variant: ExpressionText = Field(
        default="property('variant')", description="The variant that was seen."
    )


class VariantSpec(Declared):
    """One arm: its name as the exposure event says it, and its share of the units."""

    name: VariantName = Field(description="As the exposure event names it.")
    allocation: Fraction = Field(
        description="Share of the units, 0.5 for half; those of all variants add up to "
        "1. With 0 the variant is kept and must get no traffic.",
        examples=[0.5],
    )
    is_control: bool = Field(
        default=False, description="What the others are compared with; exactly one."
    )


class AssignmentSpec(Declared):
    """How units are assigned, for services that ask Daybreak's function."""

    by: Assigner = Field(
        default="others",
        description="daybreak: services ask Daybreak's function for the ids that are "
        "in the events, so the variant of every exposed unit is computed and compared "
        "with what it saw. others: nothing is computed. Landed assignments are always "
        "compared.",
    )
    salt: Text | None = Field(
        default=None, description="Mixed into the hash; default: the experiment's name."
    )
    holdout: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0, description="Share of all units that no variant is shown to."
    )
    exclusion_group: Name | None = Field(
        default=None,
        description="Experiments of one group never share a unit; each has a slot.",
    )
    slot: tuple[Fraction, Fraction] = Field(
        default=(0.0, 1.0),
        description="The part of the group's units that this experiment takes, from "
        "and to: [0, 0.5] is the first half.",
    )

    @model_validator(mode="after")
    def _slot_is_a_part_of_a_group(self) -> Self:
        if self.slot[0] >= self.slot[1]:
            raise ValueError("`slot` ends before it begins")
        if self.exclusion_group is None and self.slot != (0.0, 1.0):
            raise ValueError("`slot` is a part of an `exclusion_group`: name the group")
        return self


class CapsSpec(Declared):
    """Quantiles that a unit's total is cut at; frozen, see `experiment_sql`."""

    lower: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0,
        description="0 leaves this tail alone; 0.01 cuts the lowest 1 %.",
    )
    upper: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1.0, description="1 leaves this tail alone; 0.99 cuts the top 1 %."
    )

    @model_validator(mode="after")
    def _cuts_something(self) -> Self:
        if self.lower >= self.upper:
            raise ValueError("`lower` is not below `upper`")
        if (self.lower, self.upper) == (0.0, 1.0):
            raise ValueError("give `lower`, `upper` or both: a quantile such as 0.99")
        return self


class ExperimentMetric(Declared):
    """What is compared: a metric of metrics.yml or a funnel, and the part it plays."""

    metric: Name | None = Field(default=None, description="A metric of metrics.yml.")
    funnel: Name | None = Field(default=None, description="A funnel of funnels.yml.")
    name: Name | None = Field(
        default=None,
        description="Its name here; default: that of the metric or funnel. Needed "
        "where one metric stands here twice, with two windows.",
    )
    role: Role = Field(
        description="success: a reason to ship. guardrail: must not be worse by its "
        "`margin`. deterioration: must not get worse. secondary: told, decides nothing."
    )
    window: Window | None = Field(
        default=None,
        description="How long after its exposure a unit's events count, the end not "
        "included; default: the window of a funnel or conversion, else 7 days.",
    )
    margin: Share | None = Field(
        default=None,
        description="Of a guardrail: how much worse than the control is accepted, a "
        "share of the control's level.",
        examples=[0.02],
    )
    mde: Share | None = Field(
        default=None,
        description="The smallest relative effect worth finding, a share of the "
        "control's level; default for success: 0.05.",
        examples=[0.05],
    )
    caps: CapsSpec | None = Field(
        default=None,
        description="Cut extreme totals of units; both figures are told. Of sums, "
        "counts and ratios.",
    )

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        if (self.metric is None) == (self.funnel is None):
            raise ValueError("name a `metric` or a `funnel`, one of both")
        if (self.role == "guardrail") != (self.margin is not None):
            raise ValueError(
                "`margin` belongs to a guardrail, and every guardrail has one: a share "
                "of the control's level, 0.02 for 2 %"
            )
        return self

    @property
    def known_as(self) -> str:
        """Its name within the experiment."""
        return self.name or self.metric or str(self.funnel)


class ExperimentSpec(Declared):
    """An experiment: who takes part, what they see, what is compared, how it ends."""

    name: Name = Field(description="Its lasting name, that of the file too.")
    label: Text | None = Field(default=None, description="The name people read.")
    hypothesis: Text = Field(description="What is believed, and why.")
    owner: Text | None = Field(default=None, description="Who answers for it.")
    template: Annotated[str, BeforeValidator(_known_template)] | None = Field(
        default=None,
        description="Fills `planned_days` and `planned_units`: dashboard_layout, "
        "onboarding, feature_discovery, admin_workflow, mobile_experience or pricing.",
        examples=["onboarding"],
    )
    status: Status = Field(
        default="draft", description="A draft is checked, and no figure is made of it."
    )
    unit: Unit = Field(
        default="person", description="What is assigned; figures are of one unit."
    )
    unit_id: ExpressionText | None = Field(
        default=None,
        description="The id of the account that an event belongs to; of unit account.",
    )
    start: date | None = Field(
        default=None,
        description="First local day of the reporting zone; default: the day of the "
        "first exposure.",
        examples=["2026-01-05"],
    )
    end: date | None = Field(
        default=None,
        description="The day after the last one of exposure.",
        examples=["2026-02-02"],
    )
    planned_days: int | None = Field(
        default=None,
        ge=1,
        le=3_650,
        description="Default: the template's.",
        examples=[28],
    )
    planned_units: int | None = Field(
        default=None,
        ge=2,
        description="Units of all variants together; default: the template's minimum.",
        examples=[20000],
    )
    exposure: ExposureSpec
    variants: tuple[VariantSpec, ...] = Field(
        min_length=2,
        max_length=20,
        examples=[
            [
                {"name": "control", "allocation": 0.5, "is_control": True},
                {"name": "variant_a", "allocation": 0.5},
            ]
        ],
    )
    assignment: AssignmentSpec = AssignmentSpec()
    confidence: Confidence = Field(
        default=0.95, description="Of every interval and test, two-sided."
    )
    power: Annotated[float, Field(gt=0.5, lt=1)] = Field(
        default=0.8, description="Chance to find the `mde`, at the planned size."
    )
    covariate_days: int = Field(
        default=28,
        ge=0,
        le=366,
        description="Local days before that of the exposure whose figures adjust for "
        "what units were like before (CUPED); 0 is none.",
    )
    several_variants_limit: Fraction = Field(
        default=0.01,
        description="Alarm above this share of units that saw several variants.",
    )
    misassigned_limit: Fraction = Field(
        default=0.01,
        description="Warning above this share of units that saw another variant than "
        "they were assigned.",
    )
    slices: tuple[Dimension, ...] = Field(
        default=(),
        description="Columns, or {name, sql}, of the exposure event: figures by group.",
    )
    slice_limit: int = Field(
        default=25,
        ge=1,
        le=1_000,
        description="Groups of a slice, in order of appearance; the rest is Other.",
    )
    strata: Name | None = Field(
        default=None,
        description="One of the `slices`: effects are told, beside the others, as if "
        "both arms had its groups in equal shares (post-stratification).",
        examples=["platform"],
    )
    include_bots: bool = Field(
        default=False, description="Count exposures of bots and internal traffic too."
    )
    metrics: tuple[ExperimentMetric, ...] = Field(min_length=1)

    @property
    def plan(self) -> ExperimentTemplate | None:
        """Its template."""
        return TEMPLATES[self.template] if self.template else None

    @property
    def control(self) -> VariantSpec:
        """The variant that the others are compared with."""
        return next(variant for variant in self.variants if variant.is_control)


class ExperimentsFile(Declared):
    """experiments/<name>.yml: one experiment, named as the file."""

    experiments: tuple[ExperimentSpec, ...] = ()
