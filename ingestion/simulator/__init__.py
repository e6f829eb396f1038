"""A seeded product with a known truth, for the demo, the tests and the benchmarks.

`simulate` writes files as clients would; `write_truth` writes what an exact reading
of these files must find. Nothing here reads the catalog, the lake or settings.

The truth file must lie outside the landing folder (any path the caller likes).
"""

from __future__ import annotations

from ingestion.simulator.simulation import SimulationResult, simulate, write_truth
from ingestion.simulator.specification import Dirt, Format, Naming, SimulationSpec
from ingestion.simulator.writing import WrittenFile

__all__ = [
    "Dirt",
    "Format",
    "Naming",
    "SimulationResult",
    "SimulationSpec",
    "WrittenFile",
    "simulate",
    "write_truth",
]
