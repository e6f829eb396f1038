"""The last look before publishing: was every expected check evaluated, and passed?

A check that silently did not run must not read as a pass. The expected checks are
those of every asset of the night, taken from the definitions themselves.
"""

from collections.abc import Iterable, Sequence

import dagster as dg

from dagster_project import record
from dagster_project.checks import status_of
from dagster_project.defs.asset_specs import Written, spec_of, written
from dagster_project.tables import CHECK_RESULTS, RUN_HEALTH


class GateError(RuntimeError):
    """A gate that did not do its duty."""


def build_audit(
    checked: Sequence[dg.AssetsDefinition | dg.AssetChecksDefinition],
    upstream: Sequence[dg.AssetKey],
) -> dg.AssetsDefinition:
    """Return the audit of the checks that the given definitions declare.

    It runs after `upstream`, and fails unless each expected check was evaluated in
    this run and passed; checks of severity warn may have warned.
    """
    expected = frozenset(
        spec.key for definition in checked for spec in definition.check_specs
    )

    @dg.multi_asset(
        name="audit",
        specs=[spec_of(CHECK_RESULTS, upstream), spec_of(RUN_HEALTH, upstream)],
        required_resource_keys={"ledger", "warehouse", "run_lock"},
    )
    def audit(context: dg.AssetExecutionContext) -> Iterable[Written]:
        found = [e for _, e in record.evaluations(context.instance, context.run_id)]
        refuse_gaps(expected, found)
        ledger, warehouse = context.resources.ledger, context.resources.warehouse
        record.record_run(context.instance, context.run_id, ledger)
        record.load_records(ledger, warehouse)
        for table in (CHECK_RESULTS, RUN_HEALTH):
            yield written(
                table, warehouse.row_counts([table.qualified])[table.qualified]
            )

    return audit


def refuse_gaps(
    expected: Iterable[dg.AssetCheckKey], found: Sequence[dg.AssetCheckEvaluation]
) -> None:
    """Raise `GateError` for checks not evaluated in this run, or failed."""
    missing = record.missing_checks(expected, found)
    failed = [e for e in found if status_of(e) == "failed"]
    if not missing and not failed:
        return
    lines = [
        *(f"not evaluated: {_named(key)}" for key in missing),
        *(f"failed: {_named(evaluation.asset_check_key)}" for evaluation in failed),
    ]
    raise GateError(
        "The night cannot be published. "
        "A check that did not run is no pass.\n" + "\n".join(lines)
    )


def _named(key: dg.AssetCheckKey) -> str:
    return f"{key.name} on {key.asset_key.to_user_string()}"
