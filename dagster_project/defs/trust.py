"""The second engine's word on the figures of the night."""

import dagster as dg

from dagster_project.defs.asset_specs import Written, spec_of, written
from dagster_project.reconciling import reconcile_sample
from dagster_project.settings import Settings
from dagster_project.tables import RECONCILIATION_SAMPLE
from dagster_project.warehouse import Warehouse

COMPARED = [
    dg.AssetKey(["marts", "dim_persons"]),
    dg.AssetKey(["marts", "fct_sessions"]),
    dg.AssetKey(["marts", "fct_funnel_attempts"]),
    dg.AssetKey(["marts", "fct_funnel_persons"]),
    dg.AssetKey(["marts", "fct_mrr_movements"]),
    dg.AssetKey(["marts", "fct_segment_members"]),
    dg.AssetKey(["marts", "fct_retention"]),
    dg.AssetKey(["marts", "fct_lifecycle"]),
    dg.AssetKey(["intermediate", "int_retention_members"]),
    dg.AssetKey(["intermediate", "int_lifecycle_members"]),
    dg.AssetKey(["intermediate", "int_person_days"]),
    dg.AssetKey(["intermediate", "int_attribution_touches"]),
]


@dg.multi_asset(
    name="reconciliation_sample",
    specs=[spec_of(RECONCILIATION_SAMPLE, COMPARED)],
    required_resource_keys={"settings", "warehouse", "run_lock"},
)
def reconciliation_sample(context: dg.AssetExecutionContext) -> Written:
    """Recompute the figures of a few persons, and say where the warehouse differs."""
    settings: Settings = context.resources.settings
    warehouse: Warehouse = context.resources.warehouse
    table = reconcile_sample(warehouse, settings.compiled_catalog)
    return written(RECONCILIATION_SAMPLE, warehouse.write(RECONCILIATION_SAMPLE, table))
