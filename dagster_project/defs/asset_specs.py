"""How a declared table looks to Dagster."""

from collections.abc import Sequence
from pathlib import Path

import dagster as dg

from dagster_project.record import ROW_COUNT
from dagster_project.tables import Table

# An asset that was written; its value stays where it was written.
Written = dg.MaterializeResult[None]


def key_of(table: Table) -> dg.AssetKey:
    """Return `schema/table` as an asset key."""
    return dg.AssetKey([table.schema, table.name])


def spec_of(table: Table, deps: Sequence[dg.AssetKey]) -> dg.AssetSpec:
    """Return the asset of a declared table: group = layer, columns described."""
    return dg.AssetSpec(
        key=key_of(table),
        deps=list(deps),
        group_name=table.schema,
        description=table.description,
        kinds={"python", "duckdb"},
        metadata={"dagster/column_schema": column_schema(table)},
    )


def column_schema(table: Table) -> dg.TableSchema:
    """Return a declared table's columns as Dagster shows them."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(name=c.name, type=c.type, description=c.description)
            for c in table.columns
        ]
    )


def written(table: Table, rows: int) -> Written:
    """Say that a declared table was written."""
    return dg.MaterializeResult(asset_key=key_of(table), metadata={ROW_COUNT: rows})


def path_metadata(path: Path) -> dg.MetadataValue:
    """Return a path as the UI shows it."""
    return dg.MetadataValue.path(str(path))
