"""Thin assets, by layer: read, call once, write, report. The only decorators.

Modules here do without `from __future__ import annotations`: Dagster compares the
annotation of `context` itself, which would be a text.
"""
