"""What every definition over events declares, whatever it counts.

Belongs here: the base of definitions in paths.yml, growth.yml and the like. Not here:
definitions over the activity of persons, which have a time zone and a unit of their own
(`retention_models`).
"""

from __future__ import annotations

from pydantic import Field

from ingestion.catalog.fields import Declared, Name, Text


class Definition(Declared):
    """What every definition over events declares, whatever it counts."""

    name: Name = Field(description="Its lasting name: history hangs on it.")
    label: Text | None = Field(default=None, description="The name people read.")
    description: Text | None = Field(
        default=None, description="What it tells, one sentence."
    )
    owner: Text | None = Field(default=None, description="Who answers for it.")
    include_bots: bool = Field(
        default=False, description="Count bots and internal traffic too."
    )
