"""The graph of ids, resolved at once, against links taken one after the other."""

from __future__ import annotations

import importlib.util
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import hypothesis.strategies as st
import pandas as pd
from hypothesis import given, settings

from tests.dbt_project.identity_oracle import Resolution

MODEL = (
    Path(__file__).resolve().parents[2]
    / "dbt_project/models/intermediate/identity/int_identity_components.py"
)
START = datetime(2026, 1, 1)
Link = tuple[str, str, int]


def model_function() -> Callable[[pd.DataFrame], pd.DataFrame]:
    spec = importlib.util.spec_from_file_location("int_identity_components", MODEL)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Callable[[pd.DataFrame], pd.DataFrame] = module.components
    return found


components = model_function()


def edges(links: list[Link]) -> pd.DataFrame:
    """The model's input: ids that begin with u are users."""
    first: dict[tuple[str, str], int] = {}
    for left, right, minute in links:
        pair = (min(left, right), max(left, right))
        first[pair] = min(first.get(pair, minute), minute)
    return pd.DataFrame(
        [
            (a, b, a.startswith("u"), b.startswith("u"), START + timedelta(minutes=m))
            for (a, b), m in first.items()
        ],
        columns=[
            "identity",
            "linked_identity",
            "is_user",
            "is_linked_user",
            "linked_at",
        ],
    )


def grouped(found: pd.DataFrame) -> set[frozenset[str]]:
    groups = defaultdict(set)
    for row in found.itertuples():
        groups[row.component].add(row.identity)
    return {frozenset(members) for members in groups.values()}


ids = st.sampled_from([f"u{n}" for n in range(5)] + [f"d{n}" for n in range(9)])
links_of_ids = st.lists(
    st.tuples(ids, ids, st.integers(0, 12)).filter(lambda link: link[0] != link[1]),
    min_size=1,
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(links=links_of_ids)
def test_equals_links_taken_one_by_one(links: list[Link]) -> None:
    found = components(edges(links))
    copies = []
    for number, (left, right, minute) in enumerate(links):
        user = left if left.startswith("u") else None
        copies.append(
            {
                "event_id": str(number),
                "user_id": user,
                "anonymous_id": None if user else left,
                "occurred_at": START + timedelta(minutes=minute),
                "properties": f'{{"$ids": ["{right}"]}}',
            }
        )
        if right.startswith("u"):
            # Known as a user, long after all links.
            later = START + timedelta(days=9)
            copies.append(
                {
                    "event_id": f"{number}u",
                    "user_id": right,
                    "anonymous_id": None,
                    "occurred_at": later,
                    "properties": "{}",
                }
            )
    assert grouped(found) == Resolution(copies, 100).groups


@given(links=links_of_ids, order=st.randoms())
def test_the_order_of_rows_is_no_difference(links: list[Link], order: object) -> None:
    given_order = edges(links)
    shuffled = given_order.sample(frac=1, random_state=hash(str(order)) % 2**32)
    assert grouped(components(shuffled)) == grouped(components(given_order))


def test_a_component_is_named_after_its_user() -> None:
    found = components(edges([("d1", "d2", 1), ("d2", "u1", 2), ("d3", "d4", 3)]))
    assert dict(found.itertuples(index=False)) == {
        **dict.fromkeys(("d1", "d2", "u1"), "u1"),
        **dict.fromkeys(("d3", "d4"), "d3"),
    }


def test_no_links_give_no_rows() -> None:
    empty = edges([("d1", "d2", 1)]).iloc[:0]
    assert components(empty).empty


def test_a_long_chain_is_one_person() -> None:
    chain = [(f"d{n:05}", f"d{n + 1:05}", n) for n in range(20_000)]
    assert len(grouped(components(edges(chain)))) == 1
