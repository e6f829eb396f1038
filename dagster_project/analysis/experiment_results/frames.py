"""The frames that results are made of, checked and typed.

Here belong the columns that are read. Here does not belong what is made of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import pandas as pd

from dagster_project.analysis.experiments.sums import PRODUCTS, VARIABLES

CLOSED, CUMULATIVE = "closed", "cumulative"
CALENDAR_DAY, DAY_SINCE_EXPOSURE = "calendar_day", "day_since_exposure"
ALL: Final = "all"
# Of metrics that are quantiles, null of others.
QUANTILES: Final = (
    *("quantile", "value_unit_count"),
    *("quantile_value", "quantile_lower", "quantile_upper"),
)
TEXT, NUMBER, TIME, FLAG = "text", "number", "time", "flag"
Kinds = Mapping[str, str]


def _kinds(
    *, text: str = "", number: str = "", time: str = "", flag: str = ""
) -> Kinds:
    parts = ((text, TEXT), (number, NUMBER), (time, TIME), (flag, FLAG))
    return MappingProxyType(
        {name: kind for names, kind in parts for name in names.split()}
    )


DEFINITIONS: Final = _kinds(
    text="experiment_name status strata config_hash",
    number="planned_days planned_units confidence power several_variants_limit "
    "misassigned_limit",
    time="start_date end_date",
)
VARIANTS: Final = _kinds(
    text="experiment_name variant", number="allocation", flag="is_control"
)
METRICS: Final = _kinds(
    text="experiment_name metric_name label role direction",
    number="margin mde window_days",
)
SUMS: Final = _kinds(
    text="experiment_name metric_name view dimension dimension_value variant "
    "metric_kind",
    number=" ".join(
        (
            "day_number unit_count",
            *(f"shift_{name}" for name in VARIABLES),
            *VARIABLES,
            *PRODUCTS,
            *QUANTILES,
        )
    ),
    time="day_date data_complete_through",
    flag="is_capped",
)
TRAFFIC: Final = _kinds(
    text="experiment_name dimension dimension_value variant",
    number="unit_count several_variants_count",
    time="exposure_date",
    flag="is_declared",
)
ASSIGNMENTS: Final = _kinds(
    text="experiment_name assignment_source",
    number="unit_count",
    flag="is_as_assigned",
)
OVERLAPS: Final = _kinds(
    text="experiment_name other_experiment_name metric_name variant other_variant "
    "metric_kind",
    number="unit_count shift_y shift_d y d yy yd dd",
    time="day_date data_complete_through",
    flag="is_capped",
)


@dataclass(frozen=True)
class ExperimentFrames:
    """What the results of experiments are made of.

    ``definitions`` one row per experiment; ``variants`` one per declared variant, in
    the order in which they are to be shown; ``metrics`` one per experiment and metric:
    ``role`` in lower case, ``direction`` up or down, ``margin`` and ``mde`` shares of
    the control's level, ``window_days`` null without a window; ``sums`` one per
    experiment, metric, view, slice, day, variant and capping; ``traffic`` one per
    experiment, day of first exposure, slice and variant; ``assignments`` units by
    experiment, source of the assignment and whether they saw what they were assigned,
    units of no known assignment left out; ``overlaps`` one per experiment, other
    experiment with units of it, metric, capping and both variants. Other columns are
    left out; an empty frame needs none. Raises ``ValueError`` for a frame that lacks a
    column.
    """

    definitions: pd.DataFrame
    variants: pd.DataFrame
    metrics: pd.DataFrame
    sums: pd.DataFrame
    traffic: pd.DataFrame
    assignments: pd.DataFrame = field(default_factory=pd.DataFrame)
    overlaps: pd.DataFrame = field(default_factory=pd.DataFrame)

    def __post_init__(self) -> None:
        """Type every frame."""
        for name, kinds in _FRAMES.items():
            object.__setattr__(self, name, _typed(getattr(self, name), kinds, name))


_FRAMES: Final = MappingProxyType(
    {
        "definitions": DEFINITIONS,
        "variants": VARIANTS,
        "metrics": METRICS,
        "sums": SUMS,
        "traffic": TRAFFIC,
        "assignments": ASSIGNMENTS,
        "overlaps": OVERLAPS,
    }
)


def _typed(frame: pd.DataFrame, kinds: Kinds, name: str) -> pd.DataFrame:
    missing = [column for column in kinds if column not in frame.columns]
    if missing and len(frame):
        raise ValueError(f"{name} lacks the columns {missing}")
    columns = {
        column: _column(frame.get(column, pd.Series(dtype="object")), kind)
        for column, kind in kinds.items()
    }
    return pd.DataFrame(columns).reset_index(drop=True)


def _column(values: pd.Series, kind: str) -> pd.Series:
    if kind == TIME:
        stamps = pd.to_datetime(values, utc=True).dt.tz_localize(None)
        return stamps.astype("datetime64[us]")
    if kind == NUMBER:
        return pd.to_numeric(values).astype("float64")
    if kind == FLAG:
        return values.fillna(False).astype("bool")
    return values.astype("object")
