"""The SQL of growth definitions: which events they read, and the hash of their meaning.

Belongs here: the rows of `raw.catalog_referrals`. Not here: how referrals are credited
(dbt, `marts/growth`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import pyarrow as pa

from ingestion.catalog.definition_sql import (
    TEXT,
    DefinitionCompiler,
    Row,
    Table,
    compact_json,
    definition_row,
    definition_schema,
)
from ingestion.catalog.fields import window_seconds
from ingestion.catalog.growth_models import ReferralSpec
from ingestion.catalog.models import Catalog

# Raise it when the same declaration begins to mean other figures.
_MEANING_VERSION: Final = 1

REFERRAL_COLUMNS: Final = definition_schema(
    [
        ("referral_name", TEXT),
        ("credit", TEXT),
        ("invite_within_seconds", pa.int64()),
        ("accept_within_seconds", pa.int64()),
        ("periods", TEXT),
        ("range_from", pa.timestamp("us")),
        ("range_to", pa.timestamp("us")),
        ("has_range", pa.bool_()),
        ("sign_up_filter_sql", TEXT),
        ("invite_filter_sql", TEXT),
        ("accepted_filter_sql", TEXT),
        ("reward_filter_sql", TEXT),
        ("invitee_sql", TEXT),
        ("key_sql", TEXT),
        ("reward_sql", TEXT),
    ]
)


def growth_tables(
    referrals: Iterable[ReferralSpec], catalog: Catalog, dialect: str
) -> dict[str, Table]:
    """Give rows and columns of the tables of declared growth, by their names."""
    rows = [
        _referral_row(spec, DefinitionCompiler(catalog, dialect)) for spec in referrals
    ]
    return {"catalog_referrals": (rows, REFERRAL_COLUMNS)}


def _referral_row(spec: ReferralSpec, compiler: DefinitionCompiler) -> Row:
    meaning = {
        "sign_up_filter_sql": compiler.events(spec.sign_up),
        "invite_filter_sql": compiler.events(spec.invite),
        "accepted_filter_sql": (
            compiler.events(spec.accepted) if spec.accepted else "FALSE"
        ),
        "reward_filter_sql": compiler.events(spec.rewards) if spec.rewards else "FALSE",
        "invitee_sql": compiler.text(spec.invitee),
        "key_sql": compiler.text(spec.key),
        "reward_sql": compiler.number(spec.rewards.value) if spec.rewards else None,
    }
    return {
        "referral_name": spec.name,
        **definition_row(spec, compiler, meaning, _MEANING_VERSION),
        # Windows, credit and cohorts are judged anew every night, from the same events.
        "credit": spec.credit,
        "invite_within_seconds": window_seconds(spec.invite_within),
        "accept_within_seconds": window_seconds(spec.accept_within),
        "periods": compact_json(spec.periods),
        "range_from": spec.range.from_ if spec.range else None,
        "range_to": spec.range.to if spec.range else None,
        "has_range": spec.range is not None,
    }
