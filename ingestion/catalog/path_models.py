"""`paths.yml`: where persons go from an event, or whence they come to it.

Shapes, defaults and what can be judged from one definition alone. Names of events and
expressions are judged in `path_checks`; the SQL is `path_sql`.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from ingestion.catalog.definition_models import Definition
from ingestion.catalog.fields import Declared, ExpressionText
from ingestion.catalog.metric_models import Dimension, EventFilter, ordered_periods
from ingestion.catalog.retention_models import ActivityFilter

PathPeriod = Literal["day", "week", "month"]
MOST_PATH_STEPS: Final = 10


class PathSpec(Definition):
    """The next steps after an anchor, or the last ones before it."""

    anchor: EventFilter = Field(description="The events that paths begin with.")
    anchors: Literal["first", "last", "every"] = Field(
        default="first",
        description="first: each session (or person) has one path, from its first "
        "anchor. last: from its last. every: each anchor has a path of its own.",
    )
    direction: Literal["after", "before"] = Field(
        default="after", description="Steps after the anchor, or before it, backwards."
    )
    scope: Literal["session", "person"] = Field(
        default="session",
        description="session: a path ends with the session. person: it goes on through "
        "all of a person's events.",
    )
    steps: int = Field(
        default=5, ge=1, le=MOST_PATH_STEPS, description="Steps beside the anchor."
    )
    nodes: ActivityFilter = Field(
        default=ActivityFilter(),
        description="The events that are steps; default: any declared activity. "
        "Anchors always are.",
    )
    node: ExpressionText = Field(
        default="event_name", description="What a step is called: page, for example."
    )
    breakdown: Dimension | None = Field(
        default=None,
        description="What paths are told apart by, beside all of them: a column of the "
        "anchor, or {name, sql}.",
        examples=[{"name": "role", "sql": "person_property('role')"}],
    )
    collapse_repeats: bool = Field(
        default=False, description="Equal steps one after the other count as one."
    )
    top_nodes: int = Field(
        default=10,
        ge=1,
        le=1_000,
        description="Nodes kept on each step, by paths in all history; the rest is "
        "`Other`. The end of a path is no such node, and always kept.",
    )
    top_sequences: int = Field(
        default=50,
        ge=1,
        le=10_000,
        description="Whole sequences kept in each period; the rest is `Other`.",
    )
    periods: Annotated[tuple[PathPeriod, ...], AfterValidator(ordered_periods)] = Field(
        default=("month",),
        description="Calendar periods of the anchor, beside all history: day, week, "
        "month.",
    )


class PathsFile(Declared):
    """paths.yml: where persons go."""

    paths: tuple[PathSpec, ...] = ()
