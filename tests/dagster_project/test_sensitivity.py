"""Every table that tells persons apart says so, before a night has to find out."""

from __future__ import annotations

from pathlib import Path

from dagster_project.dbt_manifest import load_manifest, person_tables, prepare_manifest
from dagster_project.defs.publish import sensitivity_of
from dagster_project.publishing import PERSON_COLUMNS, PUBLISHED_SCHEMAS
from dagster_project.settings import Settings
from dagster_project.tables import DECLARED_TABLES


def test_models_with_ids_of_persons_are_declared(home: Path) -> None:
    settings = Settings()
    prepare_manifest(settings)
    manifest = load_manifest(settings)
    telling = {
        f"{node['schema']}.{node['alias']}"
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
        and node["schema"] in PUBLISHED_SCHEMAS
        and PERSON_COLUMNS & node["columns"].keys()
    }
    assert telling
    assert telling <= person_tables(manifest)


def test_tables_of_python_with_ids_of_persons_are_declared() -> None:
    assert all(
        table.is_about_persons
        for table in DECLARED_TABLES
        if table.schema in PUBLISHED_SCHEMAS and PERSON_COLUMNS & {*table.column_names}
    )


def test_examples_of_failed_checks_are_not_for_everyone() -> None:
    found = sensitivity_of({"nodes": {}})
    assert found.withheld == {
        "trust.check_results": ["examples"],
        "trust.reconciliation_sample": ["examples"],
    }
