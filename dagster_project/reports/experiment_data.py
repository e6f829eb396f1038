"""What the page of an experiment is made of: frames, checked and typed.

Here belong the columns that the page reads. Here does not belong what is made of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

import pandas as pd

from dagster_project.reports.report_data import kinds_of, typed

RESULTS: Final = kinds_of(
    text="metric_name treatment view dimension dimension_value metric_label "
    "metric_unit metric_kind role direction method reason lift_reason",
    number="day_number information looks margin mde confidence control_units "
    "treatment_units control_level treatment_level effect lift std_error p_value "
    "fixed_lift_lower fixed_lift_upper sequential_lift sequential_lift_lower "
    "sequential_lift_upper always_valid_lift_lower always_valid_lift_upper "
    "chance_to_beat shrunk_lift holm_p_value discovery_p_value slice_p_value "
    "heterogeneity_p_value",
    time="day_date",
    flag="is_capped is_superior is_non_inferior is_deteriorated "
    "is_sequential_significant",
)
DECISIONS: Final = kinds_of(
    text="treatment verdict grounds sentence",
    number="day_number information looks matured_units missing_units missing_days "
    "power_missing_units power_missing_days",
    time="day_date data_complete_through",
)
QUALITY: Final = kinds_of(
    text="check_name dimension dimension_value variant metric_name severity",
    number="value limit_value unit_count",
    time="day_date",
    flag="is_passed",
)
POWER: Final = kinds_of(text="treatment units", number="lift power")
INTERACTIONS: Final = kinds_of(
    text="other_experiment_name metric_name metric_label metric_unit metric_kind "
    "treatment other_treatment reason",
    number="unit_count effect_alone effect_together interaction interaction_lower "
    "interaction_upper adjusted_p_value",
    flag="is_capped is_discovery",
)
DISTRIBUTION: Final = kinds_of(
    text="metric_name variant", number="percentile unit_value unit_count"
)
_FRAMES: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "results": RESULTS,
        "decisions": DECISIONS,
        "quality": QUALITY,
        "power": POWER,
        "interactions": INTERACTIONS,
        "distribution": DISTRIBUTION,
    }
)


@dataclass(frozen=True, kw_only=True)
class ExperimentData:
    """Everything the page of one experiment shows.

    ``definition`` is its row of the dimension; ``results``, ``decisions`` and
    ``quality`` its rows of the analysis tables, ``interactions`` those of its own
    metrics; ``power`` the chance to find a lift, per treatment, with the units so far
    (``units`` now) and with those of the plan; ``distribution`` percentiles of units'
    figures at the last look.
    Frames may be empty. Raises ``ValueError`` for a frame that lacks a column.
    """

    definition: Mapping[str, object]
    as_of: datetime | None
    reporting_timezone: str
    generated_for: str
    product_name: str = "Daybreak demo"
    results: pd.DataFrame = field(default_factory=pd.DataFrame)
    decisions: pd.DataFrame = field(default_factory=pd.DataFrame)
    quality: pd.DataFrame = field(default_factory=pd.DataFrame)
    power: pd.DataFrame = field(default_factory=pd.DataFrame)
    interactions: pd.DataFrame = field(default_factory=pd.DataFrame)
    distribution: pd.DataFrame = field(default_factory=pd.DataFrame)

    def __post_init__(self) -> None:
        """Type every frame."""
        for name, kinds in _FRAMES.items():
            object.__setattr__(self, name, typed(getattr(self, name), kinds, name))

    @property
    def zone(self) -> ZoneInfo:
        """The reporting time zone."""
        return ZoneInfo(self.reporting_timezone)

    @property
    def name(self) -> str:
        """The experiment's name."""
        return str(self.definition["experiment_name"])
