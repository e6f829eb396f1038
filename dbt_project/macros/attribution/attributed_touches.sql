{# The touches of the conversions of one attribution, and what each is credited with. #}

{# One row per conversion and touch, a conversion without any has one row all the same.
   `days` are those of attribution_days_to_compute. #}
{% macro touches_of_attribution(attribution, days, touches) -%}
    {%- set computed = attribution.models -%}
    with conversions as ({{ conversions_of(attribution, days, touches) }}),

    converter_sessions as ({{ sessions_of_converters(attribution, days) }}),

    {% if attribution.reads_channel_group -%}
    ways_to_come as {{ computed_once() }} ({{ channel_groups_of('converter_sessions') }}),

    {% endif -%}
    touched as (

        select
            conversions.*,
            sessions.session_id,
            sessions.session_start_date,
            sessions.touched_at,
            sessions.channel,
            lower(sessions.channel) in {{ sql_list(attribution.direct_channels) }} as is_direct
        from ({{ sessions_with_channels(attribution) }}) as sessions
        inner join conversions
            on
                sessions.person_id = conversions.person_id
                and sessions.touched_at <= conversions.converted_at
                and sessions.touched_at + interval '{{ attribution.lookback_days }}' day
                >= conversions.converted_at

    ),

    numbered as (

        select
            *,
            row_number() over in_order as touch_number,
            count(*) over (partition by conversion_id) as touch_count,
            max(touched_at) over (partition by conversion_id) as last_touched_at,
            lag(channel) over in_order as previous_channel
        from touched
        window in_order as (partition by conversion_id order by touched_at, session_id)

    ),

    weighed as (

        select
            *,
            max(case when not is_direct then touch_number end)
                over (partition by conversion_id) as last_indirect_number
            {%- if 'time_decay' in computed %},
            sum(weight) over (
                partition by conversion_id
                order by touch_number
                rows between unbounded preceding and current row
            ) as decayed_part,
            sum(weight) over (partition by conversion_id) as decayed_whole
            {%- endif %}
        from (
            select
                *,
                {{ decayed_weight(attribution.half_life_days) }} as weight
            from numbered
        ) as with_weights

    ),

    cumulated as (

        select
            *
            {%- for model in splitting_models(computed) %},
            {% for column, whole in [('amount', 'amount_units'), ('credit', one_in_units())] -%}
            {{ share_in_units(whole, part_of(model, attribution), whole_of(model, attribution)) }}
                as {{ model }}_{{ column }}_so_far{{ ',' if not loop.last }}
            {% endfor -%}
            {%- endfor %}
        from weighed

    )

    select
        {{ attributed_columns() | join(', ') }},
        is_direct,
        {% if attribution.collapses_repeats -%}
        coalesce(channel <> previous_channel, true)
        {%- else -%}
        true
        {%- endif %} as is_in_path,
        {% for model in attribution_models() -%}
        {{ credited_units(model, computed, 'amount', 'amount_units') }},
        {{ credited_units(model, computed, 'credit', one_in_units()) }}{{ ',' if not loop.last }}
        {% endfor %}
    from cumulated
    window in_order as (partition by conversion_id order by touch_number)
    union all
    select
        {% for column in attributed_columns() -%}
        {{ {
            'session_id': 'null', 'session_start_date': 'null', 'touched_at': 'null',
            'channel': 'null', 'touch_number': '0', 'touch_count': '0'
        }.get(column, column) }} as {{ column }},
        {% endfor -%}
        false as is_direct,
        false as is_in_path,
        {% for model in attribution_models() -%}
        cast({{ 'amount_units' if model in computed else 'null' }} as {{ type_of_units() }})
            as {{ model }}_amount_units,
        cast({{ one_in_units() if model in computed else 'null' }} as bigint)
            as {{ model }}_credit_units
        {{- ',' if not loop.last }}
        {% endfor %}
    from conversions
    where conversion_id not in (select touched.conversion_id from touched)
{%- endmacro %}


{% macro attributed_columns() %}
    {{ return([
        'conversion_id', 'person_id', 'converted_at', 'event_date', 'conversion_date',
        'amount', 'session_id', 'session_start_date', 'touched_at', 'channel',
        'touch_number', 'touch_count'
    ]) }}
{% endmacro %}


{# Every conversion, also of nobody known: its value is part of the total. #}
{% macro conversions_of(attribution, days, touches) -%}
    select
        conversion_id,
        person_id,
        converted_at,
        event_date,
        conversion_date,
        amount,
        {{ in_units('amount') }} as amount_units
    from (
        select
            event_id as conversion_id,
            person_id,
            occurred_at as converted_at,
            event_date,
            cast({{ local_time_of_funnel(attribution, 'occurred_at') }} as date) as conversion_date,
            coalesce({{ attribution.value_sql }}, 0) as amount
        from {{ ref('int_events') }}
        {% if attribution.uses_person_properties -%}
        left join {{ ref('int_person_properties') }} using (person_id)
        {% endif -%}
        where
            {{ attribution.conversion_filter_sql }}
            {{ kept_traffic(attribution) }}
            and {{ is_credited_anew(days, touches) }}
    ) as events
{%- endmacro %}


{# The sessions of those who converted. #}
{% macro sessions_of_converters(attribution, days) -%}
    select *
    from {{ ref('int_sessions') }}
    where
        person_id in (select conversions.person_id from conversions)
        {{ kept_traffic(attribution) }}
        {% if days != 'all' -%}
        and session_start_date
        >= date '{{ (days.events + days.sessions) | min }}' - {{ attribution.lookback_days + 3 }}
        {%- endif %}
{%- endmacro %}


{# The channel group is told once for all sessions that came the same way: for each of
   500 thousand it took as long as half of all the rest. #}
{% macro channel_groups_of(sessions) -%}
    select
        *,
        {{ channel_group(*ways_to_come()) }} as channel
    from (select distinct {{ ways_to_come() | join(', ') }} from {{ sessions }}) as told
{%- endmacro %}


{% macro ways_to_come() %}{{ return(['utm_source', 'utm_medium', 'utm_campaign', 'referrer']) }}{% endmacro %}


{# Those of them that have a channel. #}
{% macro sessions_with_channels(attribution) -%}
    select
        session_id,
        person_id,
        session_start_date,
        touched_at,
        channel
    from (
        select
            session_id,
            person_id,
            session_start_date,
            started_at as touched_at,
            nullif(trim(cast({{ attribution.channel_sql }} as {{ dbt.type_string() }})), '')
                as channel
        {% if attribution.reads_channel_group -%}
        from (
            select
                sessions.*,
                ways.channel
            from converter_sessions as sessions
            inner join ways_to_come as ways
                on
                    {% for way in ways_to_come() -%}
                    sessions.{{ way }} is not distinct from ways.{{ way }}
                    {{ 'and ' if not loop.last }}
                    {%- endfor %}
        ) as sessions
        {%- else -%}
        from converter_sessions
        {%- endif %}
    ) as with_channels
    where channel is not null
{%- endmacro %}
