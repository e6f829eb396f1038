{# What each unit did in the last days up to the watermark, and whose peer it is: of the
   groups of its events, that with most of them. #}
{% macro peer_values(group) -%}
    {%- set now = local_time_in('watermark_at', group.timezone) -%}
    select
        '{{ group.definition_name }}' as definition_name,
        {{ group.min_peers }} as min_peers,
        unit_key,
        max_by(group_value, {{ in_total_order('events_of_group', 'group_value') }}) as peer_group,
        sum({{ 'value_of_group' if group.adds_up_values else 'events_of_group' }}) as peer_value
    from (
        select
            unit_key,
            group_value,
            sum(event_count) as events_of_group,
            sum(value_sum) as value_of_group
        from {{ ref('int_cohort_days') }}
        cross join {{ ref('int_watermark') }}
        where
            series_id = '{{ series_id(group.series_key) }}'
            and bucket_at < {{ now }}
            and bucket_at >= {{ now }} - interval '{{ group.window_days }}' day
        group by unit_key, group_value
    ) as grouped
    group by unit_key
{%- endmacro %}


{% macro no_peer_values() -%}
    select
        cast(null as {{ dbt.type_string() }}) as definition_name,
        cast(null as integer) as min_peers,
        cast(null as integer) as unit_key,
        cast(null as {{ dbt.type_string() }}) as peer_group,
        cast(null as decimal(38, 6)) as peer_value
    where false
{%- endmacro %}
