"""Remote origins: files of a bucket and rows of a database, brought to the landing.

`fetching` is the order of work, `s3` and `postgres` one kind of origin each, `ledger`
the memory of what was fetched. Everything after the landing folder is the same for
fetched files as for any others.

Why these libraries (2 cores, servers on the same machine). PostgreSQL, 2M rows of 11
columns to Parquet: ADBC 5.6 s and 0.24 GB; connectorx 8.4 s and 0.55 GB whole, 6.5 s
streamed, and it rounds `numeric` to ten digits; dlt 103 s and 0.9 GB; psycopg's COPY
as CSV 4.5 s, but without types and five times the bytes. S3, 300 objects of 2 kB and
one of 200 MB: obstore 0.8 s and 0.8 s; boto3 1.7 s and 0.9 s; s3fs 1.0 s and 3.0 s;
pyarrow 2.2 s and 38 s, and it knows no ETag. obstore is one wheel without further
packages. DuckDB's own readers of both are extensions that are downloaded when used.
"""
