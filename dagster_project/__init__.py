"""The floor that orders the work: settings, warehouse, Dagster definitions and the CLI.

The wings it rests on (`ingestion`, `quality_checks`, `dagster_project.analysis`,
`dagster_project.reports`) know nothing of Dagster and nothing of each other.
"""
