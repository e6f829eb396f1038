"""The command line `daybreak`: parsing, wording and exit codes; no work of its own.

Heavy imports stand inside commands, so that `daybreak --help` answers at once.
"""

from __future__ import annotations

from dagster_project.cli.app import main

__all__ = ["main"]
