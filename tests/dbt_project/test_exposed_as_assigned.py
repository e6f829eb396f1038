"""What units saw against what they were assigned: by the function, and by landed rows.

The variants that the function gives are those of its Python twin, not of the SQL.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from dagster_project.analysis.assignment import Assignment, assigned
from tests.dbt_project.warehouse_of_test import Row, WarehouseOfTest

START = datetime(2026, 1, 5, 12)
ARMS = [("control", 0.5), ("green", 0.5)]
ASKED = Assignment("asked salt", ARMS, 0.2, "buttons", (0.0, 0.7))
USERS = [f"u{number}" for number in range(60)]
# A device that sees what its later user would not.
VISITOR = next(
    v for v in ("v0", "v1", "v2", "v3", "v4") if assigned(ASKED, v) == "green"
)


def experiment(name: str, unit: str = "person", **own: object) -> str:
    """Give the file of an experiment over events that bear its name."""
    spec = {
        "name": name,
        "hypothesis": "It sells.",
        "status": "running",
        "unit": unit,
        "start": date(2026, 1, 5),
        "end": date(2026, 1, 20),
        "exposure": {"event": "exposed", "where": f"property('test') = '{name}'"},
        "variants": [
            {"name": "control", "allocation": 0.5, "is_control": True},
            {"name": "green", "allocation": 0.5},
        ],
        "metrics": [{"metric": "buyers", "role": "success"}],
        **own,
    }
    return yaml.safe_dump({"experiments": [spec]})


CATALOG = {
    "events.yml": "events:\n  - {name: exposed}\n  - {name: bought}\n",
    "metrics.yml": "metrics: [{name: buyers, type: unique_persons, event: bought}]",
    "experiments/asked.yml": experiment(
        "asked",
        assignment={
            "by": "daybreak",
            "salt": "asked salt",
            "holdout": 0.2,
            "exclusion_group": "buttons",
            "slot": [0, 0.7],
        },
    ),
    "experiments/devices.yml": experiment(
        "devices", unit="device", assignment={"by": "daybreak"}
    ),
    "experiments/told.yml": experiment("told"),
    "experiments/silent.yml": experiment("silent"),
}


def seen(test: str, variant: str, *, hours: int = 0, **ids: str) -> Row:
    """An exposure, some hours after the first noon."""
    at = START + timedelta(hours=hours)
    who = "-".join(ids.values())
    return {
        "event_id": f"{test}-{who}-{variant}-{hours}",
        "event_name": "exposed",
        "occurred_at": at,
        "received_at": at,
        "properties": json.dumps({"test": test, "variant": variant}),
        **ids,
    }


def exposures() -> Iterator[Row]:
    """Exposures of all experiments, each with units and mistakes of its own."""
    for place, user in enumerate(USERS):
        variant = assigned(ASKED, user)
        # Whom no variant was meant for saw the control all the same, and so did a few.
        shown = variant if variant in ("control", "green") else "control"
        shown = "control" if place < 5 else shown
        # Met as a device first: the person has the id of the device.
        yield seen(
            "asked", shown, hours=1 + place, user_id=user, anonymous_id=f"d-{user}"
        )
    yield seen("asked", "green", hours=-24, user_id="too_early")
    # Exposed before anybody knew the user: the device was asked for.
    yield seen("asked", "green", anonymous_id=VISITOR)
    yield seen("silent", "green", hours=9, anonymous_id=VISITOR, user_id="later")
    for device in ("x1", "x2", "x3"):
        own = assigned(Assignment("devices", ARMS), device)
        other = "green" if own == "control" else "control"
        yield seen("devices", own if device == "x1" else other, anonymous_id=device)
    for user in ("t1", "t2", "t3", "t4"):
        yield seen("told", "green", user_id=user)
    yield seen("told", "green", anonymous_id="t5")
    yield seen("told", "control", hours=30, user_id="t6")


def landed() -> list[Row]:
    """What a service told: t4 is unknown to it."""

    def told(unit_id: str, variant: str, hours: int, **more: str) -> Row:
        at = START + timedelta(hours=hours)
        row = {"unit_id": unit_id, "variant": variant, "assigned_at": at}
        return {"experiment": "told", **row, **more}

    return [
        told("t1", "green", -1),
        # What held at the exposure counts, not what came before or after.
        told("t2", "control", -2),
        told("t2", "green", -1),
        told("t3", "green", -2),
        told("t3", "control", -1),
        told("t3", "blue", 1),
        # Landed a moment late, and of another kind of unit.
        told("t5", "green", 1, unit="device"),
        told("t6", "control", 0, unit="account"),
        {**told("x1", "green", -1), "experiment": "unknown"},
    ]


Key = tuple[str, str, str, str]


def in_cells(found: list[tuple[str, ...]]) -> Counter[Key]:
    return Counter({(a, b, c, d): int(n) for a, b, c, d, n in found})


@pytest.fixture
def night(warehouse: WarehouseOfTest, tmp_path: Path) -> WarehouseOfTest:
    """One night over all experiments."""
    (tmp_path / "experiments").mkdir()
    for name, text in CATALOG.items():
        (tmp_path / name).write_text(text)
    warehouse.land(list(exposures()), load_id="20260106T000000000000")
    warehouse.land_rows("assignments", landed(), load_id="20260106T000000000000")
    warehouse.declare(tmp_path, as_of=datetime(2026, 1, 12))
    warehouse.build(select=("+fct_experiment_assignments",))
    return warehouse


def test_every_exposed_unit_is_compared_with_what_it_was_assigned(
    night: WarehouseOfTest,
) -> None:
    shown: Counter[Key] = Counter()
    for row in exposures():
        told = json.loads(str(row["properties"]))
        user = str(row.get("user_id"))
        if told["test"] == "asked" and user in USERS:
            shown["asked", "daybreak", assigned(ASKED, user), told["variant"]] += 1
    assert assigned(ASKED, "later") != "green"
    shown["asked", "daybreak", "green", "green"] += 1
    for device in ("x1", "x2", "x3"):
        own = assigned(Assignment("devices", ARMS), device)
        other = "green" if own == "control" else "control"
        shown["devices", "daybreak", own, own if device == "x1" else other] += 1
    # t6 was assigned as an account, which is another unit.
    shown["told", "service", "green", "green"] = 3
    shown["told", "service", "control", "green"] = 1
    shown["told", "service", "(none)", "green"] = 1
    shown["told", "service", "(none)", "control"] = 1
    cells = night.rows(
        "select experiment_name, assignment_source, assigned_variant, exposed_variant, "
        "unit_count from marts.fct_experiment_assignments"
    )
    assert in_cells(cells) == shown
    assert {key[2] for key in shown} >= {"holdout", "excluded", "control", "green"}
    assert night.rows(
        "select assigned_variant, exposed_variant, is_as_assigned, unit_share, "
        "first_exposure_date, last_exposure_date "
        "from marts.fct_experiment_assignments where experiment_name = 'told' "
        "order by all"
    ) == [
        ("(none)", "control", None, 1 / 6, date(2026, 1, 6), date(2026, 1, 6)),
        ("(none)", "green", None, 1 / 6, date(2026, 1, 5), date(2026, 1, 5)),
        ("control", "green", False, 1 / 6, date(2026, 1, 5), date(2026, 1, 5)),
        ("green", "green", True, 0.5, date(2026, 1, 5), date(2026, 1, 5)),
    ]
