"""The logger through which a night tells what it is doing.

Steps and dbt nodes report here; the CLI shows it, a file keeps it. Progress goes
past Dagster's event log on purpose: a row there costs about 10 ms.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import dagster as dg

NIGHT = logging.getLogger("daybreak.night")
NIGHT.setLevel(logging.DEBUG)
NIGHT.propagate = False

Listener = Callable[["dg.DagsterEvent"], None]
NodeListener = Callable[[str, str, str], None]


def tell_progress(stage: str, item: str, status: str) -> None:
    """Say that an item of a stage (a dbt node, a file) ended with a status."""
    NIGHT.debug(
        "%s: %s %s", stage, item, status, extra={"daybreak": (stage, item, status)}
    )


class ProgressHandler(logging.Handler):
    """Hands Dagster's events and told progress to whoever shows them."""

    def __init__(self, on_event: Listener, on_item: NodeListener) -> None:
        super().__init__(logging.DEBUG)
        self.on_event = on_event
        self.on_item = on_item

    def emit(self, record: logging.LogRecord) -> None:
        """Pass on what concerns progress; the rest is for the file."""
        told = getattr(record, "daybreak", None)
        if told is not None:
            self.on_item(*told)
            return
        event = getattr(record, "dagster_meta", {}).get("dagster_event")
        if event is not None:
            self.on_event(event)
