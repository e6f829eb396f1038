"""The assignment of units in SQL is the one in Python, unit by unit."""

from __future__ import annotations

import duckdb
import pandas as pd

from dagster_project.analysis.assignment import Assignment, assigned
from tests.dbt_project.warehouse_of_test import WarehouseOfTest

IDS = [
    *(f"user-{number}" for number in range(3_000)),
    *(
        "",
        " ",
        "a:b",
        "ünit",
        "ж",
        "用户",
        "🙂",
        "e\u0301",
        "é",
        "it's",
        '"',
        "\\",
        "\n",
    ),
    *(chr(code) for code in range(0x100, 0x2000, 37)),
]
EXPERIMENTS = {
    "halves": Assignment("salt one", [("control", 0.5), ("a", 0.5)]),
    "thirds": Assignment("sält", [("a", 1 / 3), ("b", 1 / 3), ("c", 1 / 3)], 0.1),
    "empty_arms": Assignment(
        "s", [("none", 0.0), ("a", 0.2), ("b", 0.8), ("last", 0.0)], 0.05
    ),
    "first_slot": Assignment("x", [("a", 0.9), ("b", 0.1)], 0.0, "pages", (0.0, 0.3)),
    "last_slot": Assignment("y", [("a", 0.5), ("b", 0.5)], 0.2, "pages", (0.3, 1.0)),
}


def test_sql_assigns_as_python_does(warehouse: WarehouseOfTest) -> None:
    inline = "{{ assigned_units('units', 'experiments', 'variants') }}"
    result = warehouse.dbt("compile", "--inline", inline)
    query = result.result.results[0].node.compiled_code
    experiments = pd.DataFrame(
        [
            {
                "experiment_name": name,
                "salt": of.salt,
                "holdout_rate": of.holdout,
                "exclusion_group": of.exclusion_group,
                "slot_from": of.slot[0],
                "slot_to": of.slot[1],
            }
            for name, of in EXPERIMENTS.items()
        ]
    )
    variants = pd.DataFrame(
        [
            (name, variant, position, share)
            for name, of in EXPERIMENTS.items()
            for position, (variant, share) in enumerate(of.variants)
        ],
        columns=["experiment_name", "variant", "position", "allocation"],
    )
    units = pd.DataFrame({"unit_id": IDS})
    with duckdb.connect() as connection:
        for name, frame in (
            ("units", units),
            ("experiments", experiments),
            ("variants", variants),
        ):
            connection.register(name, frame)
        found = connection.execute(query).fetchall()
    expected = {
        (unit, name, assigned(of, unit))
        for unit in IDS
        for name, of in EXPERIMENTS.items()
    }
    assert len(found) == len(IDS) * len(EXPERIMENTS)
    assert set(found) == expected
