"""JUDGE TABLES: what must be true of landed data and of Python's figures.

`verdict.py` holds the plain data (expectations, suites, results), `suites/` what is
expected of which table, `runner.py` the one place that imports Great Expectations,
`duckdb_dialect.py` what it takes to run it on DuckDB. Nothing here lands, derives or
repairs data, and nothing here knows Dagster, ingestion or the analysis.
"""
