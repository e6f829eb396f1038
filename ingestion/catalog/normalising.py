"""What makes the columns of events comparable: countries, currencies, user agents.

Belongs here: the tables that dbt joins events with, and the settings that say when what
was joined has changed. Not here: the data itself (`countries`, `money`,
`ingestion.user_agents`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.catalog.columns import LANDED_COLUMNS
from ingestion.catalog.countries import (
    country_data_version,
    country_spellings,
    region_spellings,
)
from ingestion.catalog.expressions import compile_expression
from ingestion.catalog.metric_sql import content_hash
from ingestion.catalog.models import Catalog
from ingestion.catalog.money import ExchangeRate
from ingestion.catalog.settings import CatalogSettings
from ingestion.user_agents import USER_AGENT_KEYS, parser_version

Row = dict[str, Any]

_TEXT: Final = pa.string()
_COUNTRIES: Final = pa.schema(
    [pa.field("spelling", _TEXT), pa.field("country_code", _TEXT)]
)
_REGIONS: Final = pa.schema(
    [
        pa.field("country_code", _TEXT),
        pa.field("spelling", _TEXT),
        pa.field("region_code", _TEXT),
    ]
)
_RATES: Final = pa.schema(
    [
        pa.field("currency", _TEXT),
        pa.field("valid_from", pa.date32()),
        pa.field("valid_to", pa.date32()),
        pa.field("rate", pa.decimal128(18, 9)),
    ]
)
_FAR: Final = date(9999, 12, 31)
_RATES_TABLE: Final = "catalog_exchange_rates"


def normalising_tables(catalog: Catalog) -> dict[str, tuple[list[Row], pa.Schema]]:
    """Give the tables by name; countries are empty where the catalog wants none."""
    is_iso = catalog.events.countries == "iso"
    countries = sorted(country_spellings().items()) if is_iso else []
    regions = region_spellings() if is_iso else ()
    return {
        "catalog_countries": (
            [{"spelling": text, "country_code": code} for text, code in countries],
            _COUNTRIES,
        ),
        "catalog_regions": (
            [dict(zip(_REGIONS.names, region, strict=True)) for region in regions],
            _REGIONS,
        ),
        _RATES_TABLE: (_rate_rows(catalog.exchange_rates), _RATES),
    }


def normalising_settings(
    catalog: Catalog, directory: Path, settings: CatalogSettings, dialect: str
) -> dict[str, str]:
    """Give the settings that change when events have to be made comparable anew.

    `directory` holds what was compiled before.
    """
    sent = ", ".join(f"property('{key}')" for key in USER_AGENT_KEYS)
    compiled = compile_expression(
        f"coalesce({sent})", columns=LANDED_COLUMNS, kind="scalar", dialect=dialect
    )
    is_iso = catalog.events.countries == "iso"
    return {
        "user_agent_sql": compiled.sql,
        "user_agent_parser": parser_version(),
        "countries": country_data_version() if is_iso else "",
        "reporting_currency": catalog.events.reporting_currency or "",
        "rates_revision": _rates_revision(catalog, directory, settings),
    }


def _rate_rows(rates: Iterable[ExchangeRate]) -> list[Row]:
    return [
        {
            "currency": rate.currency,
            "valid_from": rate.valid_from,
            "valid_to": rate.valid_to or _FAR,
            "rate": rate.rate,
        }
        for rate in rates
    ]


def _rates_revision(
    catalog: Catalog, directory: Path, settings: CatalogSettings
) -> str:
    """Give a text that changes when a rate changes that an event in the lake may use.

    Tomorrow's rate, added before tomorrow's events land, is none: rates grow every day
    and the events of years are not computed anew for that.
    """
    rows = _rate_rows(catalog.exchange_rates)
    before = directory / f"{_RATES_TABLE}.parquet"
    earlier = directory / "catalog_settings.parquet"
    if before.exists() and earlier.exists():
        newest = settings.newest_event_day or date.min
        old = pq.read_table(before).to_pylist()
        revision = {
            row["key"]: row["value"] for row in pq.read_table(earlier).to_pylist()
        }
        if _used(old, newest) == _used(rows, newest) and "rates_revision" in revision:
            return str(revision["rates_revision"])
    return content_hash([[str(value) for value in row.values()] for row in rows])


def _used(rows: Iterable[Row], newest: date) -> set[tuple[Any, ...]]:
    return {
        (row["currency"], row["valid_from"], row["rate"])
        for row in rows
        if row["valid_from"] <= newest
    }
