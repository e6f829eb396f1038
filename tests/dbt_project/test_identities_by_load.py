"""Who is who, told anew only where something changed, is what a rebuild tells."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.dbt_project.warehouse_of_test import Row, WarehouseOfTest

START = datetime(2026, 3, 6, 20)
TABLES = (
    *("marts.dim_person_identities", "trust.refused_identity_links"),
    *("trust.overmerged_identities", "marts.dim_persons"),
)
KEYS = "select person_key, person_id from intermediate.int_person_keys order by all"
SELECTED = ("int_person_keys", *(name.partition(".")[2] for name in TABLES))

# Few ids, so that components grow together, devices change hands, and one that was a
# device's turns out to be a user's ("x", "y").
users = st.sampled_from((None, None, "u1", "u2", "u3", "u4", "x", "y"))
devices = st.sampled_from((None, None, "d1", "d2", "d3", "d4", "d5", "d6", "x", "y"))
further_ids = st.sampled_from(((), (), (), ("d1",), ("d7", "d8"), ("u2",), ("y", "d3")))


def _event(
    number: int,
    minute: int,
    user: str | None,
    device: str | None,
    ids: Sequence[str],
    visit: str | None,
    late: bool,
) -> Row:
    moment = START + timedelta(minutes=minute)
    return {
        **{"event_id": f"e{number}", "event_name": "page_viewed", "platform": "web"},
        **{"occurred_at": moment, "received_at": moment + timedelta(minutes=late)},
        **{"user_id": user, "anonymous_id": device, "vendor_session_id": visit},
        "page": f"/{minute % 5}",
        "properties": json.dumps({"$ids": list(ids)} if ids else {}),
    }


events = st.builds(
    _event,
    number=st.integers(0, 24),
    minute=st.one_of(
        st.integers(0, 9), st.integers(0, 3 * 24 * 6).map(lambda m: m * 10)
    ),
    user=users,
    device=devices,
    ids=further_ids,
    visit=st.sampled_from((None, "v1", "v2", "v3")),
    late=st.booleans(),
).filter(lambda event: event["user_id"] or event["anonymous_id"])


def logs(fewest: int, most: int) -> st.SearchStrategy[list[list[Row]]]:
    """Events in two to four loads of so many."""
    load = st.lists(events, min_size=fewest, max_size=most)
    return st.lists(load, min_size=2, max_size=4)


def _told(warehouse: WarehouseOfTest) -> dict[str, list[tuple[object, ...]]]:
    warehouse.build(select=[f"+{name}" for name in SELECTED])
    return {name: warehouse.table(name) for name in TABLES} | {
        "keys": warehouse.rows(KEYS)
    }


def _compare_with_rebuild(
    warehouse: WarehouseOfTest, catalog: Path, loads: Sequence[Sequence[Row]]
) -> None:
    """Build load by load, then at once."""
    warehouse.reset()
    warehouse.declare(catalog)
    by_load = {}
    for number, load in enumerate(loads, start=1):
        warehouse.land(load, load_id=f"2026010{number}T000000000000")
        by_load = _told(warehouse)
    warehouse.forget_tables()
    assert by_load == _told(warehouse)


@pytest.fixture(
    params=[("as_of_event", "inactivity"), ("last_user_of_device", "vendor")],
    ids=lambda modes: "-".join(modes),
)
def rules(request: pytest.FixtureRequest, catalog: Path, tmp_path: Path) -> Path:
    """Give a catalog by which a person has no more than five ids."""
    stitching, sessions = request.param
    folder = tmp_path / "catalog"
    shutil.copytree(catalog, folder)
    declared = (folder / "events.yml").read_text()
    (folder / "events.yml").write_text(
        declared.replace("sessions:\n", f"sessions:\n  mode: {sessions}\n")
        + f"identity: {{max_ids_per_person: 5, stitching: {stitching}}}\n"
    )
    return folder


def test_identities_by_load_are_those_of_a_rebuild(
    warehouse: WarehouseOfTest, rules: Path
) -> None:
    """Components join late, change their first id and grow too big."""

    @settings(
        deadline=None,
        derandomize=True,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
        max_examples=1,
    )
    @given(loads=logs(6, 9))
    def holds(loads: list[list[Row]]) -> None:
        _compare_with_rebuild(warehouse, rules, loads)

    holds()


def _seen(minute: int, user: str | None, device: str | None, *ids: str) -> Row:
    return _event(minute, minute, user, device, ids, visit=None, late=False)


@pytest.mark.parametrize(
    ("loads", "persons"),
    [
        (
            # A device of two users, when the id that it carried is known to be one.
            [[_seen(1, None, "x", "d1"), _seen(2, "u1", "d1")], [_seen(3, "x", None)]],
            {"d1": "d1", "u1": "u1", "x": "d1"},
        ),
        (
            # A chain of devices, when its last one has a user.
            [
                [_seen(n, None, f"d{n}", f"d{n + 1}") for n in (1, 2, 3, 4)],
                [_seen(5, "u1", "d5")],
            ],
            dict.fromkeys(("d1", "d2", "d3", "d4", "d5", "u1"), "d1"),
        ),
        (
            # A device that was seen before its user, without whom it is told late.
            [[_seen(5, "a1", "d1")], [_seen(1, None, "d1")]],
            {"a1": "d1", "d1": "d1"},
        ),
    ],
    ids=["becomes a user", "named anew", "seen earlier"],
)
def test_what_one_load_tells_of_ids_of_others(
    warehouse: WarehouseOfTest,
    catalog: Path,
    loads: list[list[Row]],
    persons: dict[str, str],
) -> None:
    _compare_with_rebuild(warehouse, catalog, loads)
    told = "select identity, person_id from marts.dim_person_identities"
    assert dict(warehouse.rows(told)) == persons


@pytest.mark.campaign
def test_many_identities_by_load_are_those_of_a_rebuild(
    warehouse: WarehouseOfTest, rules: Path
) -> None:
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(loads=logs(1, 10))
    def holds(loads: list[list[Row]]) -> None:
        _compare_with_rebuild(warehouse, rules, loads)

    holds()
