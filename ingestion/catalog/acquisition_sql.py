"""One acquisition as a row: which LTV, spend and attribution are held together.

Belongs here: the rows of `raw.catalog_acquisition`. Not here: the figures (dbt,
`fct_acquisition_cost`).
"""

from __future__ import annotations

import json
from typing import Any, Final

import pyarrow as pa

from ingestion.catalog.acquisition_models import AcquisitionSpec
from ingestion.catalog.models import Catalog

Row = dict[str, Any]

_TEXT: Final = pa.string()
ACQUISITION_COLUMNS: Final = pa.schema(
    [
        pa.field("acquisition_name", _TEXT),
        pa.field("label", _TEXT),
        pa.field("description", _TEXT),
        pa.field("owner", _TEXT),
        pa.field("ltv_name", _TEXT),
        pa.field("dimension", _TEXT),
        pa.field("spend_column", _TEXT),
        pa.field("spend_source", _TEXT),
        pa.field("horizon_period_number", pa.int32()),
        pa.field("attribution_name", _TEXT),
        pa.field("model", _TEXT),
        pa.field("definition", _TEXT),
    ]
)


def acquisition_tables(catalog: Catalog) -> dict[str, tuple[list[Row], pa.Schema]]:
    """Give rows and columns of the table of declared acquisitions, by its name."""
    last_periods = {ltv.name: ltv.last_period for ltv in catalog.ltv}
    rows = [_row(spec, last_periods[spec.ltv]) for spec in catalog.acquisition]
    return {"catalog_acquisition": (rows, ACQUISITION_COLUMNS)}


def _row(spec: AcquisitionSpec, last_period: int) -> Row:
    return {
        "acquisition_name": spec.name,
        "label": spec.label or spec.name.replace("_", " ").capitalize(),
        "description": spec.description,
        "owner": spec.owner,
        "ltv_name": spec.ltv,
        "dimension": spec.breakdown,
        "spend_column": spec.spend_by,
        "spend_source": spec.spend_source,
        "horizon_period_number": (
            last_period if spec.horizon is None else spec.horizon
        ),
        "attribution_name": spec.attribution,
        "model": spec.model if spec.attribution else None,
        "definition": json.dumps(spec.model_dump(mode="json"), ensure_ascii=False),
    }
