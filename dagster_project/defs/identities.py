"""Whose each id was taken to be in each night."""

from datetime import UTC, datetime

import dagster as dg

from dagster_project.defs.asset_specs import Written, spec_of, written
from dagster_project.identity_history import identity_history as history_of
from dagster_project.identity_history import record_identities
from dagster_project.ledger import Booking, Ledger
from dagster_project.tables import IDENTITY_HISTORY
from dagster_project.warehouse import Warehouse

IDENTITIES = dg.AssetKey(["marts", "dim_person_identities"])


@dg.multi_asset(
    name="identity_history",
    specs=[spec_of(IDENTITY_HISTORY, [IDENTITIES])],
    required_resource_keys={"ledger", "warehouse", "run_lock"},
)
def identity_history(context: dg.AssetExecutionContext) -> Written:
    """Write down what this night knows differently, and show all of it."""
    warehouse: Warehouse = context.resources.warehouse
    ledger: Ledger = context.resources.ledger
    record_identities(ledger, warehouse, Booking(context.run_id, datetime.now(UTC)))
    table = history_of(ledger, warehouse)
    return written(IDENTITY_HISTORY, warehouse.write(IDENTITY_HISTORY, table))
