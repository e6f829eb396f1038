"""The columns of the tables that experiments are compiled to.

Belongs here: names and types. Not here: their rows (`experiment_sql`).
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa

_TEXT: Final = pa.string()
_NUMBER: Final = pa.float64()

EXPERIMENT_COLUMNS: Final = pa.schema(
    [
        *(pa.field(name, _TEXT) for name in ("experiment_name", "label")),
        *(pa.field(name, _TEXT) for name in ("hypothesis", "owner", "template")),
        *(pa.field(name, _TEXT) for name in ("status", "unit", "unit_sql")),
        pa.field("start_date", pa.date32()),
        pa.field("end_date", pa.date32()),
        pa.field("planned_days", pa.int32()),
        pa.field("planned_units", pa.int64()),
        pa.field("confidence", _NUMBER),
        pa.field("power", _NUMBER),
        pa.field("covariate_days", pa.int32()),
        pa.field("several_variants_limit", _NUMBER),
        pa.field("misassigned_limit", _NUMBER),
        pa.field("control_variant", _TEXT),
        pa.field("variant_count", pa.int32()),
        pa.field("assigned_by", _TEXT),
        pa.field("salt", _TEXT),
        pa.field("holdout_rate", _NUMBER),
        pa.field("exclusion_group", _TEXT),
        pa.field("slot_from", _NUMBER),
        pa.field("slot_to", _NUMBER),
        pa.field("exposure_filter_sql", _TEXT),
        pa.field("variant_sql", _TEXT),
        pa.field("slices", _TEXT),
        pa.field("slice_limit", pa.int32()),
        pa.field("strata", _TEXT),
        pa.field("uses_person_properties", pa.bool_()),
        pa.field("include_excluded_traffic", pa.bool_()),
        pa.field("figures_hash", _TEXT),
        pa.field("config_hash", _TEXT),
        pa.field("definition", _TEXT),
    ]
)
VARIANT_COLUMNS: Final = pa.schema(
    [
        pa.field("experiment_name", _TEXT),
        pa.field("variant", _TEXT),
        pa.field("position", pa.int32()),
        pa.field("allocation", _NUMBER),
        pa.field("is_control", pa.bool_()),
    ]
)
METRIC_COLUMNS: Final = pa.schema(
    [
        *(pa.field(name, _TEXT) for name in ("experiment_name", "metric_name")),
        pa.field("position", pa.int32()),
        *(pa.field(name, _TEXT) for name in ("role", "source_metric", "funnel_name")),
        *(pa.field(name, _TEXT) for name in ("label", "unit", "direction")),
        *(pa.field(name, _TEXT) for name in ("metric_type", "metric_kind")),
        pa.field("window_seconds", pa.int64()),
        pa.field("retention_day", pa.int32()),
        pa.field("margin", _NUMBER),
        pa.field("mde", _NUMBER),
        pa.field("cap_lower", _NUMBER),
        pa.field("cap_upper", _NUMBER),
        pa.field("numerator_component", _TEXT),
        pa.field("numerator_is_flag", pa.bool_()),
        pa.field("denominator_component", _TEXT),
        pa.field("denominator_is_flag", pa.bool_()),
        pa.field("value_component", _TEXT),
        pa.field("quantile", _NUMBER),
    ]
)
COMPONENT_COLUMNS: Final = pa.schema(
    [
        pa.field("component_id", _TEXT),
        *(pa.field(name, _TEXT) for name in ("unit", "unit_sql", "component_kind")),
        *(pa.field(name, _TEXT) for name in ("filter_sql", "value_sql")),
        pa.field("base_filter_sql", _TEXT),
        pa.field("window_seconds", pa.int64()),
        pa.field("funnel_name", _TEXT),
        pa.field("uses_person_properties", pa.bool_()),
        pa.field("include_excluded_traffic", pa.bool_()),
        pa.field("first_date", pa.date32()),
        pa.field("last_date", pa.date32()),
    ]
)
