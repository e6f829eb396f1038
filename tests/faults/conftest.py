"""The homes of the end-to-end tests, for faults too."""

from __future__ import annotations

from tests.end_to_end.conftest import _yesterday, yesterday

__all__ = ["_yesterday", "yesterday"]
