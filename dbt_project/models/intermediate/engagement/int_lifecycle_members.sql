{{ config(materialized='view') }}

-- The blocks exist only once the catalog is read, so dbt is told what they refer to:
-- depends_on: {{ ref('int_cohort_days') }}

{{ of_each_lifecycle(lifecycle_members, 'unit_key', 'integer') }}
