"""The simulator's compact event row: codes and numbers, no text.

One structured array element is one event to be written; `rendering` turns rows
into lines. Only the row's layout and building belong here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingestion.simulator.population import BYTES_PER_ID, random_ids

Rows = NDArray[np.void]

NO_DEVICE = -1
# Flaws of malformed lines, in the order of `dirt.FLAWS`.
SOUND, CUT_OFF, NAMELESS, UNDATED = 0, 1, 2, 3

# Times are milliseconds since 1970 UTC. `opens` marks a session's first event.
ROW = np.dtype(
    [
        ("id", f"V{BYTES_PER_ID}"),
        ("occurred", "i8"),
        ("received", "i8"),
        ("subject", "i8"),
        ("number", "i8"),
        ("person", "i4"),
        ("device", "i4"),
        ("kind", "i2"),
        ("release", "i2"),
        ("campaign", "i1"),
        ("flaw", "i1"),
        ("known", "?"),
        ("opens", "?"),
    ]
)


def build_rows(rng: np.random.Generator, size: int, **columns: Any) -> Rows:
    """Rows with fresh ids, received some seconds after they occurred.

    Columns not given are zero; `received` follows from `occurred`.
    """
    rows = np.zeros(size, dtype=ROW)
    for name, values in columns.items():
        rows[name] = values
    rows["id"] = random_ids(rng, size)
    rows["received"] = rows["occurred"] + rng.integers(300, 5_000, size)
    return rows


def server_rows(rng: np.random.Generator, size: int, **columns: Any) -> Rows:
    """Rows a server sends about known persons: no device, no campaign."""
    return build_rows(rng, size, device=NO_DEVICE, known=True, **columns)
