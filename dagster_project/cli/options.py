"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

Wait = Annotated[
    bool, typer.Option("--wait", help="Queue behind a run that is at work.")
]
