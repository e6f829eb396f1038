"""Selections of dbt nodes: few selectors, and exactly the nodes asked for."""

from __future__ import annotations

from typing import Any

from dbt.graph.selector_methods import is_selected_node
from hypothesis import given
from hypothesis import strategies as st

from dagster_project.dbt_build import selectors

PARTS = st.sampled_from(("a", "b", "events", "layer"))
NAMES = st.lists(st.lists(PARTS, min_size=1, max_size=4), min_size=1, max_size=12)


def manifest_of(names: list[list[str]]) -> dict[str, Any]:
    """Give a manifest whose nodes end in a name of their own, as dbt demands."""
    return {
        "nodes": {
            f"node {number}": {"fqn": ["daybreak", *folders, f"node_{number}"]}
            for number, folders in enumerate(names)
        }
    }


@given(NAMES, st.data())
def test_dbt_finds_exactly_the_nodes_asked_for(
    names: list[list[str]], data: st.DataObject
) -> None:
    manifest = manifest_of(names)
    nodes = manifest["nodes"]
    asked = data.draw(st.sets(st.sampled_from(sorted(nodes))))
    chosen = [one.removeprefix("fqn:") for one in selectors(asked, manifest)]
    found = {
        unique_id
        for unique_id, node in nodes.items()
        if any(is_selected_node(node["fqn"], one, False) for one in chosen)
    }
    assert found == asked


def test_a_whole_layer_is_one_selector() -> None:
    manifest = manifest_of([["marts", "core"], ["marts", "core"], ["marts"], ["other"]])
    asked = ["node 0", "node 1", "node 2"]
    assert selectors(asked, manifest) == ("fqn:daybreak.marts",)
    assert selectors(asked[:2], manifest) == ("fqn:daybreak.marts.core",)
