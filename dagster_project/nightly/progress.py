"""Live progress of a night: what runs, how many rows, how long.

On a terminal the current stage spins below the finished ones; elsewhere each
finished stage is one plain line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import dagster as dg
from rich.console import Console
from rich.markup import escape
from rich.status import Status

from dagster_project.nightly.stages import label
from dagster_project.record import (
    CODE_CHANGED,
    ROW_COUNT,
    ROWS_WRITTEN,
    UNCHANGED_SINCE,
)

NAME_WIDTH = 26
NAMES_SHOWN = 5
TABLES_WIDTH = 34


@dataclass
class _Stage:
    step: str
    rows: int = 0
    tables: int = 0
    unchanged: int = 0
    rebuilt: list[str] = field(default_factory=list)
    checks: Counter[str] = field(default_factory=Counter)
    items: int = 0
    last_item: str = ""


class Progress:
    """Follows one run; `on_event` and `on_item` are its two ears."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._stages: dict[str, _Stage] = {}
        self._status: Status | None = None

    def on_event(self, event: dg.DagsterEvent) -> None:
        """Take in an event of Dagster's log."""
        step = event.step_key
        if step is None:
            return
        kind = event.event_type
        stage = self._stages.setdefault(step, _Stage(step))
        if kind == dg.DagsterEventType.STEP_START:
            self._start(stage)
        elif kind == dg.DagsterEventType.ASSET_MATERIALIZATION:
            self._count_rows(stage, event)
        elif kind == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            self._count_check(stage, event)
        elif kind == dg.DagsterEventType.STEP_SUCCESS:
            self._finish(stage, "[green]ok[/]  ", _seconds(event))
        elif kind == dg.DagsterEventType.STEP_UP_FOR_RETRY:
            self._finish(stage, "[yellow]again[/]", None)
        elif kind == dg.DagsterEventType.STEP_FAILURE:
            self._finish(stage, "[red]FAIL[/]", None)
        elif kind == dg.DagsterEventType.STEP_SKIPPED:
            self._finish(stage, "[dim]skip[/]", None)

    def on_item(self, step: str, item: str, status: str) -> None:
        """Take in that an item of a stage (a dbt node) ended."""
        stage = self._stages.setdefault(step, _Stage(step))
        stage.items += 1
        stage.last_item = f"{item.split('.', 2)[-1]} {status}"
        self._show(stage)

    def close(self) -> None:
        """Stop spinning."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _start(self, stage: _Stage) -> None:
        self.close()
        if self.console.is_terminal:
            self._status = self.console.status("")
            self._status.start()
            self._show(stage)

    def _show(self, stage: _Stage) -> None:
        if self._status is not None:
            done = f"  {stage.items} done, {stage.last_item}" if stage.items else ""
            self._status.update(f"{label(stage.step)}[dim]{escape(done)}[/]")

    def _count_rows(self, stage: _Stage, event: dg.DagsterEvent) -> None:
        stage.tables += 1
        metadata = event.materialization.metadata
        if CODE_CHANGED in metadata:
            stage.rebuilt.append(event.materialization.asset_key.path[-1])
        if UNCHANGED_SINCE in metadata:
            stage.unchanged += 1
            return
        count = metadata.get(ROWS_WRITTEN, metadata.get(ROW_COUNT))
        if count is not None:
            stage.rows += int(str(count.value))

    def _count_check(self, stage: _Stage, event: dg.DagsterEvent) -> None:
        evaluation = event.asset_check_evaluation_data
        stage.checks["passed" if evaluation.passed else "not passed"] += 1

    def _finish(self, stage: _Stage, mark: str, seconds: float | None) -> None:
        self.close()
        time = f"{seconds:8.1f} s" if seconds is not None else " " * 10
        self.console.print(
            f"{mark} {label(stage.step):<{NAME_WIDTH}}"
            f"{_tables(stage):<{TABLES_WIDTH}}"
            f"{_rows(stage):>17}{time}",
            highlight=False,
            soft_wrap=True,
        )
        if stage.rebuilt:
            self.console.print(
                f"     code changed, built in full: {_listed(stage.rebuilt)}",
                highlight=False,
                soft_wrap=True,
            )


def _listed(names: Sequence[str]) -> str:
    more = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _rows(stage: _Stage) -> str:
    if stage.rows:
        return f"{stage.rows:,} rows"
    return "unchanged" if 0 < stage.unchanged == stage.tables else ""


def _tables(stage: _Stage) -> str:
    parts = []
    if stage.tables:
        parts.append(f"{stage.tables} table{'s' if stage.tables > 1 else ''}")
    total = sum(stage.checks.values())
    if total:
        parts.append(f"{stage.checks['passed']} of {total} checks passed")
    return ", ".join(parts)


def _seconds(event: dg.DagsterEvent) -> float:
    return event.step_success_data.duration_ms / 1000
