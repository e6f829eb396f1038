{# Paths of one definition, counted by the nodes they take. #}

{% macro declared_paths() %}
    {% set found = compiled_definitions(
        'catalog_paths', 'path_name', ['reporting_timezone', 'event_rules_hash', 'sessions_hash']
    ) %}
    {# A person's path goes on through all days: who has a new event has another path. #}
    {% for path in found if path.scope == 'person' %}
        {% do path.update({'reads_all_history': true}) %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{# One row per day, value of the breakdown and list of nodes: the anchor's, those of its steps, null after the end. #}
{% macro counts_of_path(path, mark) %}
    {%- set back = ' desc' if path.direction == 'before' else '' -%}
    {%- set in_order = 'run_number' ~ back if path.collapses_repeats
        else 'occurred_at' ~ back ~ ', event_id' ~ back -%}
    {%- set nodes = ['node'] -%}
    {%- for step in range(1, path.step_count + 1) -%}
        {%- do nodes.append('lead(node, ' ~ step ~ ') over in_direction') -%}
    {%- endfor -%}
    select
        '{{ path.path_name }}' as path_name,
        '{{ path.declaration }}' as declaration,
        unit_date,
        cast({{ local_time_in('anchored_at', path.zone) }} as date) as path_date,
        dimension_value,
        nodes,
        count(*) as path_count
    from (
        select
            unit_date,
            anchored_at,
            dimension_value,
            {{ list_of_columns(nodes) }} as nodes,
            -- In the order of the steps, so that one sort serves both: 4 s where a
            -- number of its own order took 6 s (5 million events, 2 cores).
            count(anchored_at) over (
                partition by unit_id
                order by {{ in_order }}
                rows between {{ anchors_counted_from(path) }}
            ) as anchor_number
        from ({{ collapsed_repeats(path_events(path, mark)) if path.collapses_repeats else path_events(path, mark) }}) as steps
        window in_direction as (partition by unit_id order by {{ in_order }})
        qualify anchored_at is not null
    ) as paths
    {% if path.anchors != 'every' -%}
    where anchor_number = 1
    {% endif -%}
    group by unit_date, path_date, dimension_value, nodes
{% endmacro %}


{# The rows among which the anchor that counts has the number 1: those before it in time
   where the first counts, those after it where the last does. #}
{% macro anchors_counted_from(path) -%}
    {{ return(
        'current row and unbounded following'
        if (path.anchors == 'last') != (path.direction == 'before')
        else 'unbounded preceding and current row'
    ) }}
{%- endmacro %}


{# The events that are steps, by the session or person whose path they are on. Only who
   has an anchor has a path: the others are left out before anything is read of them. #}
{% macro path_events(path, mark) -%}
    {%- set starts = none if path.is_whole
        else changed_dates(changed_days_of(path, mark), 'session_start_date') -%}
    {%- set days = days_of_sessions(starts) -%}
    select
        {% if path.scope == 'session' -%}
        session_id as unit_id,
        session_start_date as unit_date,
        {%- else -%}
        person_id as unit_id,
        event_date as unit_date,
        {%- endif %}
        occurred_at,
        event_id,
        coalesce({{ path.node_sql }}, '(none)') as node,
        {% if path.breakdown_sql -%}
        coalesce({{ path.breakdown_sql }}, '(none)')
        {%- else -%}
        'all'
        {%- endif %} as dimension_value,
        case when {{ path.anchor_filter_sql }} then occurred_at end as anchored_at
    from {{ sessions_with_anchors(path, starts, days) if path.scope == 'session' else ref('int_events') }}
    {{ joined_person_properties(path) }}
    where
        (({{ path.node_filter_sql }}) or ({{ path.anchor_filter_sql }}))
        {% if path.scope == 'person' -%}
        and person_id in (
            select person_id
            from {{ anchors_of_path(path, ref('int_events'), days) }}
        )
        {%- endif %}
        and person_id is not null
        and {{ lies_on('event_date', days) }}
        {{ and_kept_traffic(path) }}
{%- endmacro %}


{# The events of the sessions that have an anchor. #}
{% macro sessions_with_anchors(path, starts, days) -%}
    {%- set all_days -%}
        (
            select *
            from {{ ref('int_session_days') }}
            where
                session_started_at is not null
                and {{ lies_on('session_start_date', starts) }}
        )
    {%- endset -%}
    {%- set days_with_anchors -%}
        (
            select *
            from {{ ref('int_session_days') }}
            where
                ({{ session_owner() }}, session_started_at) in (
                    select
                        {{ session_owner() }},
                        session_started_at
                    from {{ anchors_of_path(path, events_in_sessions(days=all_days), days) }}
                )
        )
    {%- endset -%}
    {{ events_in_sessions(days=days_with_anchors) }} as events
{%- endmacro %}


{# The events from which paths start. #}
{% macro anchors_of_path(path, events, days) -%}
    {{ events }} as anchors
    {{ joined_person_properties(path) }}
    where
        ({{ path.anchor_filter_sql }})
        and person_id is not null
        and {{ lies_on('event_date', days) }}
        {{ and_kept_traffic(path) }}
{%- endmacro %}


{# One row for each run of equal nodes; it is an anchor where one of its events is, and
   has the value of the first of them. #}
{% macro collapsed_repeats(events) -%}
    select
        unit_id,
        min(unit_date) as unit_date,
        run_number,
        min(node) as node,
        {{ first_known(
            'case when anchored_at is not null then dimension_value end',
            in_total_order('occurred_at', 'event_id')
        ) }} as dimension_value,
        min(anchored_at) as anchored_at
    from (
        select
            *,
            sum(begins_run) over (
                partition by unit_id
                order by occurred_at, event_id
                rows between unbounded preceding and current row
            ) as run_number
        from (
            select
                *,
                case
                    when node = lag(node) over (
                        partition by unit_id order by occurred_at, event_id
                    ) then 0
                    else 1
                end as begins_run
            from ({{ events }}) as seen
        ) as compared
    ) as numbered
    group by unit_id, run_number
{%- endmacro %}


{% macro no_path_counts() -%}
    select
        cast(null as {{ dbt.type_string() }}) as path_name,
        cast(null as {{ dbt.type_string() }}) as declaration,
        cast(null as date) as unit_date,
        cast(null as date) as path_date,
        cast(null as {{ dbt.type_string() }}) as dimension_value,
        {{ empty_list_of_texts() }} as nodes,
        cast(null as bigint) as path_count
    where false
{%- endmacro %}


{# The nodes of a path, those that are not among the step's most frequent as `Other`. A
   node is joined to the kept ones of its step: few rows, so the join is a look-up. #}
{% macro folded_nodes(paths) -%}
    {%- set nodes = [] -%}
    {%- for step in range(most_path_steps(paths) + 1) -%}
        {%- do nodes.append(
            "case when " ~ item_of('counts.nodes', step + 1) ~ " is not null then coalesce(kept_"
            ~ step ~ ".node, 'Other') end"
        ) -%}
    {%- endfor -%}
    {{ return(list_of_columns(nodes)) }}
{%- endmacro %}


{# The most steps that a declared path has; 0 without paths. #}
{% macro most_path_steps(paths) %}
    {{ return((paths | map(attribute='step_count') | list + [0]) | max) }}
{% endmacro %}
