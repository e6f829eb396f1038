{{ config(materialized='view') }}

-- The blocks exist only once the catalog is read, so dbt is told what they refer to:
-- depends_on: {{ ref('int_cohort_days') }}
-- depends_on: {{ ref('int_watermark') }}
-- depends_on: {{ ref('stg_catalog_retention_periods') }}

{{ members_of_each_retention() }}
