"""The dbt models as assets: one op a layer, so that gates can stand between them.

dbt runs in this process (`dbt_build.py`) and builds what may differ from what stands
(`receipts.py`). dbt tests are asset checks of the table
they are attached to; each layer runs exactly the tests of its own tables. Unit tests
judge code, not data: `make test` runs them, the night does not.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtProject, dbt_assets

from dagster_project.checks import Finding, finding_metadata
from dagster_project.dbt_build import DbtBuilder, NodeResult, selectors
from dagster_project.dbt_manifest import (
    load_manifest,
    owner_of_test,
    prepare_manifest,
)
from dagster_project.night_log import tell_progress
from dagster_project.receipts import Receipt, read_receipts, write_receipts
from dagster_project.record import ROW_COUNT, UNCHANGED_SINCE
from dagster_project.settings import Settings
from dagster_project.table_code import Upgrade, upgrade_of, vouch_for_code
from dagster_project.warehouse import Warehouse, examples_of

UNIQUE_ID = "dagster_dbt/unique_id"
EXAMPLES = 10
NO_UPGRADE = Upgrade()

SETTINGS = Settings()
prepare_manifest(SETTINGS)
MANIFEST = load_manifest(SETTINGS)


class LayerTranslator(DagsterDbtTranslator):
    """Group = layer, by the first folder below `models/`; keys stay schema/table."""

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """Return the layer of a model."""
        parts = PurePosixPath(dbt_resource_props["original_file_path"]).parts
        return parts[1] if len(parts) > 2 else None

    def get_asset_check_spec(
        self,
        asset_spec: dg.AssetSpec,
        manifest: Mapping[str, Any],
        unique_id: str,
        project: DbtProject | None,
    ) -> dg.AssetCheckSpec | None:
        """Return the check of a dbt test, also of one that reads several tables.

        dagster-dbt leaves singular tests with several inputs out: they would run and
        judge nothing. Such a test belongs to the table it names first in the highest
        layer it reads.
        """
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        if spec is not None:
            return spec
        owner = owner_of_test(manifest["nodes"][unique_id], manifest)
        if owner != asset_spec.metadata.get(UNIQUE_ID):
            return None
        node = manifest["nodes"][unique_id]
        return dg.AssetCheckSpec(
            name=node["name"],
            asset=asset_spec.key,
            description=node.get("description") or None,
            blocking=node["config"]["severity"].lower() == "error",
            metadata={UNIQUE_ID: unique_id},
        )


def _layer(layer: str) -> dg.AssetsDefinition:
    @dbt_assets(
        manifest=MANIFEST,
        name=f"dbt_{layer}",
        select=f"fqn:{MANIFEST['metadata']['project_name']}.{layer}",
        exclude="resource_type:unit_test",
        dagster_dbt_translator=LayerTranslator(),
        required_resource_keys={"settings", "dbt", "warehouse", "run_lock"},
    )
    def build_layer(context: dg.AssetExecutionContext) -> Iterator[Any]:
        settings: Settings = context.resources.settings
        dbt: DbtBuilder = context.resources.dbt
        warehouse: Warehouse = context.resources.warehouse
        wanted = _selected(context)
        receipts = read_receipts(MANIFEST, settings)
        standing = receipts.standing(wanted)
        changed = [one for one in wanted if one not in standing]
        upgrade = upgrade_of(changed, MANIFEST, warehouse, settings)
        upgrade.tell(context.log)
        receipts = receipts.without(changed)
        write_receipts(receipts, settings)
        results = dbt.build(
            selectors(changed, MANIFEST),
            in_full=upgrade.in_full,
            progress=lambda node, status: tell_progress(context.op.name, node, status),
        )
        statuses = {result.unique_id: result.status for result in results}
        receipts = receipts.earned(statuses, context.run_id)
        vouch_for_code(receipts.standing(changed), MANIFEST, warehouse)
        write_receipts(receipts, settings)
        yield from _standing_events(context, standing, warehouse)
        yield from _events(context, results, warehouse, upgrade)
        refuse_unjudged(results, _check_names(context), upgrade)

    return build_layer


def _selected(context: dg.AssetExecutionContext) -> list[str]:
    """Return the unique ids of the models and tests this run asks for."""
    assets = context.assets_def
    models = [
        spec.metadata[UNIQUE_ID]
        for spec in assets.specs
        if spec.key in context.selected_asset_keys
    ]
    tests = [
        spec.metadata[UNIQUE_ID]
        for spec in assets.check_specs
        if spec.key in context.selected_asset_check_keys
    ]
    return models + tests


def _check_names(
    context: dg.AssetExecutionContext,
) -> dict[str, dg.AssetCheckSpec]:
    return {spec.metadata[UNIQUE_ID]: spec for spec in context.assets_def.check_specs}


def _standing_events(
    context: dg.AssetExecutionContext,
    standing: Mapping[str, Receipt],
    warehouse: Warehouse,
) -> Iterator[Any]:
    """Tell Dagster of the nodes that hold already what a build would give them."""
    specs = {spec.metadata[UNIQUE_ID]: spec for spec in context.assets_def.specs}
    counts = _row_counts({*standing}, warehouse)
    for unique_id in (one for one in standing if one in specs):
        yield dg.MaterializeResult(
            asset_key=specs[unique_id].key,
            metadata={
                UNCHANGED_SINCE: standing[unique_id].run_id,
                **_row_count(counts.get(unique_id)),
            },
        )
    checks = _check_names(context)
    for unique_id in (one for one in standing if one in checks):
        yield _standing_check(checks[unique_id], standing[unique_id])


def _standing_check(spec: dg.AssetCheckSpec, receipt: Receipt) -> dg.AssetCheckResult:
    finding = Finding(
        gate="dbt",
        failed_count=0,
        observed=f"PASS in run {receipt.run_id}; nothing it reads has changed since",
        examples=[],
        cure="",
    )
    return dg.AssetCheckResult(
        asset_key=spec.asset_key,
        check_name=spec.name,
        passed=True,
        metadata=finding_metadata(finding),
    )


def _events(
    context: dg.AssetExecutionContext,
    results: Sequence[NodeResult],
    warehouse: Warehouse,
    upgrade: Upgrade,
) -> Iterator[Any]:
    """Tell Dagster what became of each node: tables first, then their checks.

    In the order in which dbt ended them: Dagster refuses a table before its inputs.
    """
    built = {r.unique_id for r in results if r.status == "success"}
    specs = {spec.metadata[UNIQUE_ID]: spec for spec in context.assets_def.specs}
    counts = _row_counts(built, warehouse)
    for result in results:
        if result.unique_id in built & specs.keys():
            yield dg.MaterializeResult(
                asset_key=specs[result.unique_id].key,
                metadata={
                    "seconds": result.seconds,
                    **upgrade.metadata_of(result.unique_id),
                    **_row_count(counts.get(result.unique_id)),
                },
            )
    checks = _check_names(context)
    for result in results:
        if result.unique_id in checks and result.status in JUDGED:
            yield _check_result(checks[result.unique_id], result, warehouse)


def _row_count(rows: int | None) -> dict[str, int]:
    return {} if rows is None else {ROW_COUNT: rows}


JUDGED = ("pass", "warn", "fail")


def _row_counts(built: set[str], warehouse: Warehouse) -> dict[str, int]:
    """Count tables only: a view reads the whole lake."""
    names = {
        unique_id: f"{node['schema']}.{node['alias']}"
        for unique_id in built
        if (node := MANIFEST["nodes"][unique_id])["config"].get("materialized")
        in ("table", "incremental")
    }
    counts = warehouse.row_counts(sorted(names.values()))
    return {unique_id: counts[name] for unique_id, name in names.items()}


def _check_result(
    spec: dg.AssetCheckSpec, result: NodeResult, warehouse: Warehouse
) -> dg.AssetCheckResult:
    node = MANIFEST["nodes"][result.unique_id]
    passed = result.status == "pass"
    finding = Finding(
        gate="dbt",
        failed_count=result.failures or 0,
        observed=result.message or "",
        examples=[] if passed else _examples(result, warehouse),
        cure=str(node["config"].get("meta", {}).get("cure") or _default_cure(node)),
    )
    return dg.AssetCheckResult(
        asset_key=spec.asset_key,
        check_name=spec.name,
        passed=passed,
        severity=(
            dg.AssetCheckSeverity.WARN
            if result.status == "warn"
            else dg.AssetCheckSeverity.ERROR
        ),
        metadata=finding_metadata(finding),
    )


def _default_cure(node: Mapping[str, Any]) -> str:
    return (
        f"See {node['original_file_path']}; look at the rows with "
        f"`daybreak dbt show --select {node['name']}`, correct the data or the model, "
        "and start `daybreak run` again."
    )


def _examples(result: NodeResult, warehouse: Warehouse) -> list[dict[str, Any]]:
    if not result.compiled_sql:
        return []
    return examples_of(
        warehouse.read(
            f"select * from ({result.compiled_sql.rstrip().rstrip(';')}\n) "
            f"limit {EXAMPLES}"
        )
    )


def refuse_unjudged(
    results: Sequence[NodeResult],
    checks: Mapping[str, dg.AssetCheckSpec],
    upgrade: Upgrade = NO_UPGRADE,
) -> None:
    """Fail the layer when a node broke, or a test judged no known table.

    A failing test that is a check fails the step by itself: it is blocking.
    """
    broken = [r for r in results if r.status == "error" or r.status == "runtime error"]
    if broken:
        told = "\n\n".join(
            f"{r.unique_id}: {r.message}{upgrade.cure_of(r.unique_id)}" for r in broken
        )
        raise dg.Failure(description=f"dbt could not build:\n{told}")
    stray = [
        r.unique_id for r in results if r.status == "fail" and r.unique_id not in checks
    ]
    if stray:
        raise dg.Failure(description=f"dbt tests failed: {', '.join(stray)}")


dbt_staging = _layer("staging")
dbt_intermediate = _layer("intermediate")
dbt_marts = _layer("marts")
