"""Paths: worked cases, a shop's log, and random logs against a walk event by event.

How a case of kind `flows` becomes a catalog: `anchor` is the event, `anchors: every`,
because the peer counts each anchor; `scope: person`, because it knows no sessions;
`direction` and `steps` are its own; `top_nodes` is high enough to fold nothing.
"""

from __future__ import annotations

import csv
import gzip
import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.dbt_project.funnel_cases import funnel_name, landed_rows, read_cases
from tests.dbt_project.warehouse_of_test import Row, WarehouseOfTest

LOADS = ("20260105T000000000000", "20260106T000000000000")
MODELS = ("+fct_paths", "+fct_path_sequences")
CHECKS = ("fct_paths", "fct_path_sequences", "paths_keep_their_totals")
TIMEOUT = timedelta(minutes=30)
# Some days before the newest events: they are not known yet.
AS_OF = datetime(2026, 2, 4)


def write_catalog(
    folder: Path,
    paths: list[Any],
    names: Sequence[str],
    sessions: dict[str, str] | None = None,
) -> None:
    events = [{"name": name} for name in sorted(names)]
    folder.mkdir(exist_ok=True)
    (folder / "metrics.yml").write_text("metrics: []\n")
    (folder / "events.yml").write_text(
        yaml.safe_dump({"events": events, "sessions": sessions or {}})
    )
    (folder / "paths.yml").write_text(yaml.safe_dump({"paths": paths}))


def test_worked_cases_and_a_shop(
    warehouse: WarehouseOfTest, shared_dir: Path, tmp_path: Path
) -> None:
    """In one night: of retentioneering's shop 600 users, 3,605 sessions, 328 buyers."""
    cases = read_cases(shared_dir / "cases" / "product_analytics" / "flows")
    assert cases
    with gzip.open(
        shared_dir / "data" / "retentioneering_ecom" / "ecom.csv.gz", "rt"
    ) as stream:
        shop = list(csv.DictReader(stream))
    paths = [declared_case(case, number) for number, case in enumerate(cases)]
    names = {event["event"] for case in cases for event in case["events"]}
    names |= {one["event"] for one in shop}
    write_catalog(tmp_path, [*paths, *SHOP_PATHS], sorted(names), {"mode": "vendor"})
    warehouse.declare(tmp_path)
    rows = [row for n, case in enumerate(cases) for row in landed_rows(case, n)]
    warehouse.land([*rows, *shop_rows(shop)], load_id=LOADS[0])
    warehouse.build(select=MODELS)
    warehouse.dbt("test", "--select", *CHECKS, "--exclude", "test_type:unit")
    for number, case in enumerate(cases):
        expected = {
            tuple(node for node in path[:-1] if node is not None): path[-1]
            for path in case["expected"]["paths"]
        }
        assert sequences_of(warehouse, funnel_name(number)) == expected, case["id"]
    totals = warehouse.rows(
        "select path_name, sum(path_count)::bigint from marts.fct_paths "
        "where period = 'all' and step = 0 and path_name not like 'case%' "
        "group by 1 order by 1"
    )
    assert totals == [("buyers", 328), ("visitors", 600), ("visits", 3605)]
    visits: dict[str, list[str]] = defaultdict(list)
    for _, one in sorted(
        enumerate(shop), key=lambda item: (item[1]["timestamp"], item[0])
    ):
        visits[one["session_id"]].append(one["event"])
    expected = Counter(tuple(nodes[:11]) for nodes in visits.values())
    assert sequences_of(warehouse, "visits") == expected


def declared_case(case: dict[str, Any], number: int) -> dict[str, Any]:
    of_case = f"utm_campaign = '{funnel_name(number)}'"
    params = case["params"]
    return {
        "name": funnel_name(number),
        "anchor": {"event": params["anchor"], "where": of_case},
        "nodes": {"where": of_case},
        "anchors": "every",
        "scope": "person",
        "direction": params.get("direction", "after"),
        "steps": params.get("steps", 5),
        "top_nodes": 1000,
        "top_sequences": params.get("top_n", 10_000),
    }


OF_SHOP = "utm_campaign = 'shop'"
SHOP_PATHS: list[dict[str, Any]] = [
    {
        **{"name": "visits", "anchor": {"event": "*", "where": OF_SHOP}, "steps": 10},
        **{"top_nodes": 1000, "top_sequences": 10_000},
    },
    {
        **{"name": "buyers", "scope": "person"},
        "anchor": {"event": "purchase", "where": OF_SHOP},
    },
    {
        **{"name": "visitors", "scope": "person", "steps": 1},
        "anchor": {"event": "*", "where": OF_SHOP},
    },
]


def shop_rows(shop: Sequence[dict[str, str]]) -> Iterator[Row]:
    for number, one in enumerate(shop):
        yield {
            "event_id": f"e{number:06}",
            "event_name": one["event"],
            "occurred_at": datetime.fromisoformat(one["timestamp"]),
            "user_id": one["user_id"],
            "vendor_session_id": one["session_id"],
            "utm_campaign": "shop",
        }


def sequences_of(warehouse: WarehouseOfTest, path: str) -> dict[tuple[str, ...], int]:
    """Give the whole sequences of all history, with their counts."""
    rows = warehouse.rows(
        "select nodes, path_count from marts.fct_path_sequences "
        f"where path_name = '{path}' and period = 'all' and nodes <> 'Other'"
    )
    return {tuple(json.loads(nodes)): count for nodes, count in rows}


# --- a walk of its own -------------------------------------------------------------

PATHS: list[dict[str, Any]] = [
    {
        "name": "plain",
        "anchor": {"event": "a"},
        "steps": 3,
        "top_nodes": 2,
        "top_sequences": 4,
        "periods": ["day", "week", "month"],
        "breakdown": "platform",
    },
    {
        "name": "last_collapsed",
        "anchor": {"event": ["a", "b"], "where": "platform = 'web'"},
        "anchors": "last",
        "collapse_repeats": True,
        "direction": "before",
        "steps": 2,
    },
    {
        "name": "every_collapsed",
        "anchor": {"event": "a", "where": "platform = 'web'"},
        "anchors": "every",
        "collapse_repeats": True,
        "nodes": {"event": ["b", "c", "d"]},
        "breakdown": {"name": "where_from", "sql": "page"},
        "node": "coalesce(page, event_name)",
        "steps": 2,
        "top_nodes": 3,
    },
    {
        "name": "by_person",
        "anchor": {"event": "b"},
        "scope": "person",
        "anchors": "every",
        "steps": 4,
        "node": "page",
        "direction": "before",
        "include_bots": True,
    },
]
DEFAULTS = {
    "anchors": "first",
    "collapse_repeats": False,
    "direction": "after",
    "scope": "session",
    "nodes": {},
    "node": "event_name",
    "top_nodes": 10,
    "top_sequences": 50,
    "periods": ["month"],
}


def random_log(rng: random.Random, count: int) -> list[Row]:
    start = datetime(2026, 1, 28, 22)
    return [
        {
            "event_id": f"e{rng.randrange(10**9):09}-{number}",
            "event_name": rng.choice("aabbccdq"),
            "occurred_at": start
            + timedelta(days=rng.randrange(9), minutes=10 * rng.randrange(24)),
            "user_id": f"u{rng.randrange(12)}",
            "platform": rng.choice(("web", "ios")),
            "page": rng.choice((None, "/x", "/y", "/z", "/w")),
            "browser": "bot" if rng.random() < 0.05 else None,
        }
        for number in range(count)
    ]


def units_of(log: Sequence[Row], scope: str) -> Iterator[list[Row]]:
    """Give each person's events in order, or those of each session.

    Sessions are of all events; what a path leaves out still holds them together.
    """
    by_person: dict[str, list[Row]] = defaultdict(list)
    for event in sorted(log, key=lambda one: (one["occurred_at"], one["event_id"])):
        by_person[event["user_id"]].append(event)
    for events in by_person.values():
        unit: list[Row] = []
        for event in events:
            gap = unit and event["occurred_at"] - unit[-1]["occurred_at"] > TIMEOUT
            if gap and scope == "session":
                yield unit
                unit = []
            unit.append(event)
        yield unit


def node_of(event: Row, spec: dict[str, Any]) -> str:
    found = {
        "event_name": event["event_name"],
        "page": event["page"],
        "coalesce(page, event_name)": event["page"] or event["event_name"],
    }[spec["node"]]
    return found or "(none)"


def is_in(event: Row, events: dict[str, Any]) -> bool:
    named = event["event_name"] in events.get("event", "abcd")
    return named and ("where" not in events or event["platform"] == "web")


Walk = tuple[datetime, tuple[str, ...], str]


def walked(log: Sequence[Row], declared: dict[str, Any]) -> list[Walk]:
    """Give (time of the anchor, nodes, value of the breakdown) of every path."""
    spec = DEFAULTS | declared
    found = []
    for unit in units_of(log, spec["scope"]):
        steps: list[tuple[str, Row | None]] = []
        for event in unit:
            if event["browser"] == "bot" and "include_bots" not in spec:
                continue
            is_anchor = is_in(event, spec["anchor"])
            if not (is_anchor or is_in(event, spec["nodes"])):
                continue
            node = node_of(event, spec)
            anchored = event if is_anchor else None
            if spec["collapse_repeats"] and steps and steps[-1][0] == node:
                steps[-1] = (node, steps[-1][1] or anchored)
            else:
                steps.append((node, anchored))
        places = [place for place, (_, anchored) in enumerate(steps) if anchored]
        if spec["anchors"] != "every":
            places = places[:1] if spec["anchors"] == "first" else places[-1:]
        for place in places:
            nodes = [node for node, _ in steps]
            way = nodes[place:] if spec["direction"] == "after" else nodes[place::-1]
            anchored = steps[place][1]
            assert anchored
            value = anchored[COLUMNS[name_of_breakdown(spec)]] or "(none)"
            way = way[: spec["steps"] + 1]
            found.append((anchored["occurred_at"], tuple(way), value))
    return found


COLUMNS = {"platform": "platform", "where_from": "page", "": "event_name"}


def name_of_breakdown(spec: dict[str, Any]) -> str:
    declared = spec.get("breakdown", "")
    return str(declared["name"] if isinstance(declared, dict) else declared)


def folded(paths: list[Walk], top: int) -> list[Walk]:
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    for _, nodes, _ in paths:
        for step, node in enumerate(nodes):
            counts[step][node] += 1
    kept = {
        step: sorted(found, key=lambda node: (-found[node], node))[:top]
        for step, found in counts.items()
    }
    return [
        (
            when,
            tuple(n if n in kept[s] else "Other" for s, n in enumerate(nodes)),
            value,
        )
        for when, nodes, value in paths
    ]


def period_start(period: str, when: datetime) -> datetime:
    day = when.replace(hour=0, minute=0)
    if period == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if period == "month" else day


def dimensions_of(value: str, spec: dict[str, Any]) -> list[tuple[str, str]]:
    """Give the groups that a path counts in."""
    name = name_of_breakdown(spec)
    return [("all", "all"), *([(name, value)] if name else [])]


def expected_edges(paths: list[Walk], spec: dict[str, Any]) -> Counter[Any]:
    found: Counter[Any] = Counter()
    first = min(period_start("day", when) for when, *_ in paths)
    for when, nodes, value in paths:
        starts = {p: period_start(p, when) for p in spec["periods"]} | {"all": first}
        whole = ("(start)", *nodes, "(end)")[: spec["steps"] + 2]
        for (period, start), group in product(
            starts.items(), dimensions_of(value, spec)
        ):
            for step, (previous, node) in enumerate(pairwise(whole)):
                found[period, start, *group, step, previous, node] += 1
    return found


def expected_sequences(
    paths: list[Walk], spec: dict[str, Any]
) -> list[tuple[str, str, int, str, int]]:
    """Give (dimension, value, rank, nodes, count) of all history."""
    top = spec["top_sequences"]
    groups: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for _, nodes, value in paths:
        for group in dimensions_of(value, spec):
            groups[group][json.dumps(nodes, separators=(",", ":"))] += 1
    found = []
    for group, counts in groups.items():
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        found += [(*group, rank, *item) for rank, item in enumerate(ranked[:top], 1)]
        rest = sum(count for _, count in ranked[top:])
        found += [(*group, top + 1, "Other", rest)] if rest else []
    return sorted(found)


@pytest.mark.parametrize(
    "seed",
    [1, *(pytest.param(seed, marks=pytest.mark.campaign) for seed in range(2, 16))],
)
def test_random_logs_that_come_late_give_the_walked_paths(
    warehouse: WarehouseOfTest, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    log = random_log(rng, 500)
    write_catalog(tmp_path, PATHS, "abcdq")
    (tmp_path / "events.yml").write_text(
        yaml.safe_dump(
            {
                "traffic": {"bots": "browser = 'bot'"},
                "events": [
                    *({"name": name} for name in "abcd"),
                    {"name": "q", "is_activity": False},
                ],
            }
        )
    )
    warehouse.declare(tmp_path, as_of=AS_OF)
    late = {rng.randrange(len(log)) for _ in range(40)}
    for number, load_id in enumerate(LOADS):
        part = [e for index, e in enumerate(log) if (index in late) == bool(number)]
        warehouse.land(part, load_id=load_id)
        warehouse.build(select=MODELS)
    warehouse.dbt("test", "--select", *CHECKS, "--exclude", "test_type:unit")
    compare(warehouse, log, PATHS)
    # A definition changed and one taken out: no other is computed again.
    changed = [{**PATHS[0], "steps": 2}, *PATHS[1:3]]
    (tmp_path / "paths.yml").write_text(yaml.safe_dump({"paths": changed}))
    warehouse.declare(tmp_path, as_of=AS_OF)
    warehouse.build(select=("stg_catalog_paths", "int_path_counts+"))
    compare(warehouse, log, changed)
    assert warehouse.rows("select count(distinct path_name) from marts.fct_paths") == [
        (3,)
    ]


def compare(
    warehouse: WarehouseOfTest, log: Sequence[Row], declared_paths: list[dict[str, Any]]
) -> None:
    for declared in declared_paths:
        spec = DEFAULTS | declared
        paths = [path for path in walked(log, spec) if path[0] < AS_OF]
        paths = folded(paths, spec["top_nodes"])
        edges = {
            row[:7]: row[7]
            for row in warehouse.rows(
                "select period, period_start, dimension, dimension_value, step, "
                "previous_node, node, path_count "
                f"from marts.fct_paths where path_name = '{spec['name']}'"
            )
        }
        assert edges == expected_edges(paths, spec), spec["name"]
        sequences = warehouse.rows(
            "select dimension, dimension_value, sequence_rank, nodes, path_count "
            "from marts.fct_path_sequences "
            f"where path_name = '{spec['name']}' and period = 'all'"
        )
        assert sorted(sequences) == expected_sequences(paths, spec)
