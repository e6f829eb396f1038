"""`revenue.yml` as a whole: what the product earns, and what earned it.

Not here: the shapes of its lists, one module each.
"""

from __future__ import annotations

from ingestion.catalog.acquisition_models import AcquisitionSpec
from ingestion.catalog.attribution_models import AttributionSpec
from ingestion.catalog.fields import Declared
from ingestion.catalog.mrr_models import MrrSpec
from ingestion.catalog.orders_models import OrdersSpec


class RevenueFile(Declared):
    """revenue.yml: what the product earns, and what earned it."""

    mrr: tuple[MrrSpec, ...] = ()
    attribution: tuple[AttributionSpec, ...] = ()
    orders: tuple[OrdersSpec, ...] = ()
    acquisition: tuple[AcquisitionSpec, ...] = ()
