"""The SQL of moves between roles: the events, what they say, and what is answered.

Belongs here: the rows of `raw.catalog_role_migrations`. Not here: rates and means (dbt,
`fct_role_migrations`).
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
from ingestion.catalog.models import Catalog
from ingestion.catalog.role_models import RoleMigrationSpec

# Raise it when the same declaration begins to mean other figures.
_MEANING_VERSION: Final = 1

ROLE_COLUMNS: Final = definition_schema(
    [
        ("migration_name", TEXT),
        ("periods", TEXT),
        ("answer_seconds", pa.int64()),
        ("move_filter_sql", TEXT),
        ("answer_filter_sql", TEXT),
        ("from_role_sql", TEXT),
        ("to_role_sql", TEXT),
        ("succeeded_sql", TEXT),
        ("adaptation_sql", TEXT),
        ("answer_sql", TEXT),
    ]
)


def role_tables(
    specs: Iterable[RoleMigrationSpec], catalog: Catalog, dialect: str
) -> dict[str, Table]:
    """Give rows and columns of the table of moves between roles, by its name."""
    rows = [_row(spec, DefinitionCompiler(catalog, dialect)) for spec in specs]
    return {"catalog_role_migrations": (rows, ROLE_COLUMNS)}


def _row(spec: RoleMigrationSpec, compiler: DefinitionCompiler) -> Row:
    asked = spec.satisfaction
    meaning = {
        "move_filter_sql": compiler.events(spec.events),
        "answer_filter_sql": compiler.events(asked) if asked else "FALSE",
        "from_role_sql": compiler.text(spec.from_role),
        "to_role_sql": compiler.text(spec.to_role),
        "succeeded_sql": compiler.condition(spec.succeeded),
        "adaptation_sql": compiler.number(spec.adaptation_days),
        "answer_sql": compiler.number(asked.value) if asked else None,
    }
    return {
        "migration_name": spec.name,
        **definition_row(spec, compiler, meaning, _MEANING_VERSION),
        # Periods and the window are judged anew every night, from the same events.
        "periods": compact_json(spec.periods),
        "answer_seconds": window_seconds(asked.within) if asked else None,
    }
