"""Staging of the landed tables: one row a key, and which copy it is."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from ingestion.landed_tables import LANDED_TABLES
from tests.dbt_project.warehouse_of_test import DBT_PROJECT, WarehouseOfTest

TABLES = DBT_PROJECT / "models" / "staging" / "tables"

FIRST, SECOND = "20240601T000000000000", "20240602T000000000000"
# Not the tests that also read later layers.
STAGED = ("--select", "staging.tables", "--indirect-selection", "buildable")


def day(number: int) -> datetime:
    return datetime(2024, 5, number, 12)


@pytest.fixture
def lake(warehouse: WarehouseOfTest, catalog: Path) -> WarehouseOfTest:
    warehouse.declare(catalog)
    return warehouse


def test_empty_tables_build_and_pass(lake: WarehouseOfTest) -> None:
    lake.dbt("build", *STAGED)
    assert lake.rows("select count(*) from staging.stg_payments") == [(0,)]


def test_which_copy_counts(lake: WarehouseOfTest) -> None:
    """The row's own version first, then load, file and line."""
    lake.land_rows(
        "persons",
        [
            {"user_id": "a", "recorded_at": day(2), "plan": "pro"},
            {"user_id": "b", "recorded_at": day(1), "plan": "line 2"},
            {"user_id": "b", "recorded_at": day(1), "plan": "line 3"},
            {"user_id": "c", "recorded_at": day(1), "plan": "x", "file": "s/2"},
            {"user_id": "c", "recorded_at": day(1), "plan": "y", "file": "s/1"},
        ],
        FIRST,
    )
    lake.land_rows(
        "persons",
        [
            {"user_id": "a", "recorded_at": day(1), "plan": "late, older"},
            {"user_id": "d", "recorded_at": day(1), "extra": '{"team":"x"}'},
        ],
        SECOND,
    )
    lake.dbt("build", *STAGED)
    assert lake.rows(
        "select user_id, plan, traits, load_id from staging.stg_persons order by 1"
    ) == [
        ("a", "pro", "{}", FIRST),
        ("b", "line 3", "{}", FIRST),
        ("c", "x", "{}", FIRST),
        ("d", None, '{"team":"x"}', SECOND),
    ]


def test_payments_are_signed_and_updated(lake: WarehouseOfTest) -> None:
    paid = {"occurred_at": day(1), "amount": Decimal("10.5")}
    lake.land_rows(
        "payments",
        [
            {"payment_id": "p1", **paid, "status": "pending", "updated_at": day(1)},
            {"payment_id": "p2", **paid, "tax": Decimal(2)},
            {"payment_id": "r1", **paid, "kind": "Refund", "refund_of": "p2"},
            {
                **{"payment_id": "r2", "kind": "chargeback", "occurred_at": day(2)},
                "amount": Decimal(-3),
            },
        ],
        FIRST,
    )
    lake.land_rows(
        "payments",
        [{"payment_id": "p1", **paid, "status": "Succeeded", "updated_at": day(2)}],
        SECOND,
    )
    lake.dbt("build", *STAGED)
    assert lake.rows(
        "select payment_id, kind, status, amount, is_refund, is_succeeded "
        "from staging.stg_payments order by 1"
    ) == [
        ("p1", "payment", "succeeded", Decimal("10.5"), False, True),
        ("p2", "payment", "succeeded", Decimal("10.5"), False, True),
        ("r1", "refund", "succeeded", Decimal("-10.5"), True, True),
        ("r2", "chargeback", "succeeded", Decimal("-3"), True, True),
    ]


def test_spend_is_restated_and_null_is_a_value_of_its_key(
    lake: WarehouseOfTest,
) -> None:
    spent = {"spend_date": date(2024, 5, 1), "utm_source": "ads"}
    lake.land_rows(
        "spend",
        [
            {**spent, "amount": Decimal(5)},
            {**spent, "utm_campaign": "may", "amount": Decimal(7)},
            {**spent, "source": "other", "amount": Decimal(9)},
        ],
        FIRST,
    )
    lake.land_rows("spend", [{**spent, "amount": Decimal(6), "clicks": 3}], SECOND)
    lake.dbt("build", *STAGED)
    assert lake.rows(
        "select source, utm_campaign, amount, click_count "
        "from staging.stg_spend order by amount"
    ) == [
        ("s", None, Decimal(6), 3),
        ("s", "may", Decimal(7), None),
        ("other", None, Decimal(9), None),
    ]


def test_the_first_assignment_counts_and_variants_stay_apart(
    lake: WarehouseOfTest,
) -> None:
    unit = {"experiment": "e", "unit_id": "u"}
    lake.land_rows(
        "assignments",
        [
            {**unit, "variant": "a", "assigned_at": day(3)},
            {**unit, "variant": "b", "assigned_at": day(4)},
        ],
        FIRST,
    )
    lake.land_rows(
        "assignments", [{**unit, "variant": "a", "assigned_at": day(2)}], SECOND
    )
    lake.dbt("build", *STAGED)
    assert lake.rows(
        "select unit, variant, assigned_at from staging.stg_assignments order by 2"
    ) == [("person", "a", day(2)), ("person", "b", day(4))]


def test_states_of_a_subscription(lake: WarehouseOfTest) -> None:
    state = {"subscription_id": "s1", "amount": Decimal(20), "currency": "USD"}
    lake.land_rows(
        "subscriptions",
        [
            {**state, "recorded_at": day(1), "status": "trialing"},
            {**state, "recorded_at": day(9), "status": "Active"},
        ],
        FIRST,
    )
    lake.land_rows(
        "subscriptions", [{**state, "recorded_at": day(9), "status": "active"}], SECOND
    )
    lake.dbt("build", *STAGED)
    changes = (
        "select recorded_at, status, load_id from staging.stg_subscription_changes"
    )
    assert lake.rows(f"{changes} order by 1") == [
        (day(1), "trialing", FIRST),
        (day(9), "active", SECOND),
    ]
    assert lake.rows("select status from staging.stg_subscriptions") == [("active",)]


def test_sources_have_the_columns_of_the_lake() -> None:
    text = (TABLES / "_tables__sources.yml").read_text("utf-8")
    (source,) = YAML(typ="safe").load(text)["sources"]
    listed = {
        table["name"]: {column["name"]: column["description"] for column in columns}
        for table in source["tables"]
        for columns in [table["columns"]]
    }
    assert listed == {
        table.name: {column.name: column.meaning for column in table.columns}
        for table in LANDED_TABLES.values()
    }
