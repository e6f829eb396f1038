"""What each node of dbt was last built from, so that a night leaves out what stands.

A fingerprint covers the project, the settings, the engines, the compiled catalog and,
through the parents of a node, every load that its sources read. A table whose
fingerprint is that of its receipt would come out as it is; a test would find what it
found. dbt's own name for this is state-aware building.

Only what succeeded has a receipt, a test only once it passed: what failed or warned is
looked at again every night.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from graphlib import TopologicalSorter
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dagster_project.dbt_manifest import project_state
from dagster_project.settings import Settings
from dagster_project.warehouse_seal import Seal

ENGINES = ("dbt-core", "dbt-duckdb", "duckdb")
EARNED = ("success", "pass")


@dataclass(frozen=True)
class Receipt:
    """What a node was built or judged from, and by which run."""

    fingerprint: str
    run_id: str


@dataclass(frozen=True)
class Receipts:
    """The receipts of a warehouse against what its nodes would be built from now.

    `due` holds the fingerprint of each node and source, parents first; `kept` what is
    known of the tables as they are.
    """

    due: Mapping[str, str]
    parents: Mapping[str, Collection[str]]
    kept: Mapping[str, Receipt]

    def standing(self, unique_ids: Collection[str]) -> dict[str, Receipt]:
        """Return the receipts of the nodes that need no build, parents first."""
        wanted = frozenset(unique_ids)
        stands: dict[str, Receipt] = {}
        for unique_id in self.due:
            if _is_paid(unique_id, self.due, self.kept) and all(
                one in stands for one in self._nodes_above(unique_id)
            ):
                stands[unique_id] = self.kept[unique_id]
        return {one: receipt for one, receipt in stands.items() if one in wanted}

    def without(self, unique_ids: Collection[str]) -> Receipts:
        """Return the receipts that hold while these nodes are being built."""
        built = frozenset(unique_ids)
        kept = {one: it for one, it in self.kept.items() if one not in built}
        return replace(self, kept=kept)

    def earned(self, statuses: Mapping[str, str], run_id: str) -> Receipts:
        """Return the receipts after a build, given dbt's word on each node.

        A node gets one only where its parents have theirs: built alone on tables of an
        earlier night, it does not hold what its sources hold.
        """
        kept = dict(self.kept)
        for unique_id, fingerprint in self.due.items():
            if statuses.get(unique_id) in EARNED and all(
                _is_paid(one, self.due, kept) for one in self._nodes_above(unique_id)
            ):
                kept[unique_id] = Receipt(fingerprint, run_id)
        return replace(self, kept=kept)

    def _nodes_above(self, unique_id: str) -> list[str]:
        return [one for one in self.parents.get(unique_id, ()) if one in self.parents]


def _is_paid(
    unique_id: str, due: Mapping[str, str], kept: Mapping[str, Receipt]
) -> bool:
    receipt = kept.get(unique_id)
    return receipt is not None and receipt.fingerprint == due[unique_id]


def read_receipts(manifest: Mapping[str, Any], settings: Settings) -> Receipts:
    """Read the receipts of the warehouse; none hold where its seal is broken."""
    parents = {
        unique_id: tuple(node["depends_on"]["nodes"])
        for unique_id, node in manifest["nodes"].items()
    }
    file = _file(settings)
    kept: dict[str, Receipt] = {}
    if file.exists() and Seal(settings.warehouse_path).is_intact():
        kept = {
            unique_id: Receipt(**fields)
            for unique_id, fields in json.loads(file.read_bytes()).items()
        }
    states = {
        name: source_state(source) for name, source in manifest["sources"].items()
    }
    # Macros read the catalog when they run, which the graph of dbt does not tell.
    catalog = [
        states[name]
        for name, source in sorted(manifest["sources"].items())
        if is_one_file(source)
    ]
    project = _digest(project_state(settings), *map(version, ENGINES), *catalog)
    return Receipts(
        fingerprints(parents, dict.fromkeys(parents, project), states), parents, kept
    )


def write_receipts(receipts: Receipts, settings: Settings) -> None:
    """Keep the receipts beside the warehouse and vouch for it as it is."""
    kept = {unique_id: asdict(it) for unique_id, it in receipts.kept.items()}
    file = _file(settings)
    aside = file.with_suffix(".tmp")
    aside.write_text(json.dumps(kept), encoding="utf-8")
    aside.replace(file)
    Seal(settings.warehouse_path).set()


def _file(settings: Settings) -> Path:
    return settings.warehouse_path.with_name("receipts.json")


def fingerprints(
    parents: Mapping[str, Collection[str]],
    own: Mapping[str, str],
    sources: Mapping[str, str],
) -> dict[str, str]:
    """Return the fingerprint of each source and node, parents first.

    `own` says of each node what its rows depend on beside its parents.
    """
    found: dict[str, str] = {}
    for unique_id in TopologicalSorter(parents).static_order():
        if unique_id in parents:
            above = sorted(found[one] for one in parents[unique_id])
            found[unique_id] = _digest(own[unique_id], unique_id, *above)
        else:
            found[unique_id] = sources[unique_id]
    return found


def source_state(source: Mapping[str, Any]) -> str:
    """Return a hash of the files that a source of the manifest reads.

    Files of the lake never change under their name; a single file is written anew
    every night, and is compared by content.
    """
    pattern = _pattern_of(source)
    if is_one_file(source):
        file = Path(pattern)
        return hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else ""
    root = Path(Path(pattern).anchor)
    files = sorted(root.glob(str(Path(pattern).relative_to(root))))
    stats = ((file, file.stat()) for file in files)
    return _digest(*(f"{file} {it.st_size} {it.st_mtime_ns}" for file, it in stats))


def is_one_file(source: Mapping[str, Any]) -> bool:
    """Say whether a source of the manifest is a table of the compiled catalog."""
    return "*" not in _pattern_of(source)


def _pattern_of(source: Mapping[str, Any]) -> str:
    location = source["config"]["meta"]["external_location"]
    found = re.search(r"'([^']+)'", location)
    if found is None:
        raise ValueError(f"no file name in the location of a source: {location}")
    return found[1].format(name=source["identifier"])


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
