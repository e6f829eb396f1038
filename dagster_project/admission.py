"""Which loads the gate on landed data has let through, and which still wait.

A load stays waiting until a gate has passed with it: what stopped one night is judged
again by the next, not forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pandas as pd

from dagster_project.ledger import Ledger
from dagster_project.settings import Settings
from dagster_project.tables import ADMITTED_LOADS
from ingestion.lake import GENESIS_LOAD, Lake


def waiting_loads(settings: Settings, ledger: Ledger) -> list[str]:
    """Return the loads that no gate has admitted yet: a failed night's stay waiting."""
    admitted = {GENESIS_LOAD, *ledger.read(ADMITTED_LOADS)["load_id"]}
    return [one for one in Lake(settings.lake).load_ids() if one not in admitted]


def admit(ledger: Ledger, loads: Sequence[str], run_id: str) -> None:
    """Remember that the gate let these loads through."""
    if not loads:
        return
    frame = pd.DataFrame({"load_id": list(loads)})
    frame["run_id"] = run_id
    frame["admitted_at"] = datetime.now(UTC).replace(tzinfo=None)
    ledger.record(ADMITTED_LOADS, frame, run_id)
