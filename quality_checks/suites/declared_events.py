"""Whether newly landed events keep to what the catalog declares and earlier loads had.

A required property or a column that is gone stops the night: every figure on it would
silently become nothing. What is new, or has another type, is told and lands. What is
measured and how is `declared_events_sql`; what a policy sends to quarantine never gets
here.
"""

from __future__ import annotations

from quality_checks.suites.declared_events_sql import (
    CHANGED_FIELDS,
    COLUMNS,
    CURRENCIES,
    MEASURES,
    REQUIRED,
    DeclaredEvents,
    declared_events_views,
    measuring_sql,
)
from quality_checks.suites.rules import measured_at_most
from quality_checks.verdict import Expectation, Severity, Suite

__all__ = ["DeclaredEvents", "declared_events_suite", "declared_events_views"]

# One odd event is a client's bug; one in a hundred is revenue that is missing.
_UNCONVERTED_SHARE_FAIL = 0.01


def declared_events_suite(declared: DeclaredEvents) -> Suite:
    """Return the suite for the events of the new loads.

    declared: what the catalog says. The relations judged are made by
    `declared_events_views`, after those of `raw_events_views`.
    """
    return Suite(
        name="declared_events",
        table=MEASURES,
        description="Newly landed events carry what is declared and what was there "
        "before.",
        expectations=(
            *_required(declared),
            *_columns(declared),
            *_changes(),
            *_currencies(),
        ),
        setup_sql=measuring_sql(declared),
    )


def _none(
    name: str,
    measure: str,
    *,
    severity: Severity,
    description: str,
    cure: str,
    of: str,
    examples_sql: str,
) -> Expectation:
    return measured_at_most(
        name,
        measure,
        0,
        table=MEASURES,
        severity=severity,
        description=description,
        cure=cure,
        evidence_sql=f"select {measure}, {of}, null from {MEASURES}",
        examples_sql=examples_sql,
    )


def _required(declared: DeclaredEvents) -> tuple[Expectation, ...]:
    shown = (
        "select source, event_name, property_name, event_count, missing_count "
        f"from {REQUIRED}"
    )
    return (
        _none(
            "required_properties_vanished",
            "vanished_property_count",
            severity="critical",
            description="no required property that earlier loads had is missing in "
            f"all of {declared.min_events} or more events",
            cure="See what changed in the client or the export, and deliver the files "
            "again; if the property is gone for good, take it out of "
            "`required_properties` in events.yml.",
            of="required_property_count",
            examples_sql=f"{shown} where is_vanished order by event_count desc",
        ),
        _none(
            "required_properties_missing",
            "missing_property_count",
            severity="warning",
            description="every event carries the properties that the plan requires",
            cure="Have the client send them, or say `missing_properties: quarantine` "
            "in events.yml to keep such events out.",
            of="required_event_count",
            examples_sql=f"{shown} where missing_count > 0 "
            "order by missing_count desc, event_name",
        ),
    )


def _columns(declared: DeclaredEvents) -> tuple[Expectation, ...]:
    return (
        _none(
            "columns_vanished",
            "vanished_column_count",
            severity="critical",
            description="no column that half of the load before had a value in is "
            f"empty in {declared.min_events} or more new events of a source",
            cure="See what changed in the client, the export or the source's mapping, "
            "and deliver the files again.",
            of="column_count",
            examples_sql="select source, column_name, event_count, earlier_share, "
            f"earlier_load from {COLUMNS} where is_vanished "
            "order by earlier_share desc, column_name",
        ),
    )


def _changes() -> tuple[Expectation, ...]:
    shown = (
        "select source, event_name, property_name, json_type, earlier_types, load_id "
        f"from {CHANGED_FIELDS}"
    )
    return (
        _none(
            "new_properties",
            "new_property_count",
            severity="warning",
            description="events that were there before carry no property that is new",
            cure="Nothing is lost: it lies in `properties`. Declare it in events.yml "
            "if it is meant; `trust.schema_changes` keeps when it began.",
            of="field_count",
            examples_sql=f"{shown} where earlier_types is null "
            "order by source, event_name, property_name",
        ),
        _none(
            "changed_property_types",
            "changed_type_count",
            severity="warning",
            description="no property has a type that it did not have before",
            cure="Declare the type it shall have in events.yml (string takes "
            "everything): values that cannot be read as it are then quarantined.",
            of="field_count",
            examples_sql=f"{shown} where earlier_types is not null "
            "order by source, event_name, property_name",
        ),
    )


def _currencies() -> tuple[Expectation, ...]:
    steps: tuple[tuple[str, Severity, float], ...] = (
        ("currencies_without_rate", "critical", _UNCONVERTED_SHARE_FAIL),
        ("currencies_without_rate_early_warning", "warning", 0.0),
    )
    return tuple(
        measured_at_most(
            name,
            "unconverted_share",
            limit,
            table=MEASURES,
            severity=severity,
            description=f"at most {100 * limit:g} % of the amounts are in a currency "
            "that has no rate on their day or before",
            cure="Their revenue counts as unknown. Add the currency named to "
            "exchange_rates.csv, with a rate of that day or an earlier one, or correct "
            "the code where the client sends it.",
            evidence_sql="select unconverted_count, amount_count, null "
            f"from {MEASURES}",
            examples_sql="select currency, source, amount_count, first_day, last_day, "
            f"first_rate_on from {CURRENCIES} order by amount_count desc, currency",
        )
        for name, severity, limit in steps
    )
