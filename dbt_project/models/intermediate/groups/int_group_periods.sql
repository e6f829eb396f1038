-- The blocks exist only once the catalog is read, so dbt is told what they refer to:
-- depends_on: {{ ref('int_group_days') }}
-- depends_on: {{ ref('int_group_persons') }}
-- depends_on: {{ ref('int_watermark') }}

-- One block of SQL per definition and role (macros/groups).
select * from ({{ no_group_periods() }}) as nothing
{%- for group in blocks_of_groups() %}
{{ union_all_apart() }}
select * from (
    {{ periods_of_group(group) }}
) as periods
{%- endfor %}
