{# What cuts sessions from a visit: midnight, and a change of campaign. #}

{% macro cuts_on_campaign() %}{{ return(setting('session_cut_on_campaign_change') == 'true') }}{% endmacro %}


{% macro cuts_at_midnight() %}{{ return(setting('session_cut_at_midnight') == 'true') }}{% endmacro %}


{# Whether a visit begins with a stretch: the first of its person, or one after a gap.
   Compared as numbers, which costs a third of adding an interval. #}
{% macro opens_visit(is_first='previous_at is null') -%}
    {{ is_first }}
    or {{ microsecond_of('first_at') }} - {{ microsecond_of('previous_at') }}
    > {{ setting('session_timeout_seconds') | int * 1000000 }}
{%- endmacro %}


{# Whether a session begins with a stretch that is told whether it `opens_visit`. #}
{% macro opens_session() -%}
    opens_visit
    {%- if cuts_at_midnight() %}
    or {{ local_day('first_at') }} <> {{ local_day('previous_at') }}
    {%- endif %}
    {%- if cuts_on_campaign() %}
    or coalesce(utm_campaign <> previous_campaign, false)
    {%- endif %}
{%- endmacro %}


{% macro local_day(timestamp) -%}
    cast({{ to_local_time(timestamp) }} as date)
{%- endmacro %}


{# Stretches with the last campaign known before. Only within their own visit: which
   earlier ones are at hand depends on what is placed again. #}
{% macro told_of_campaigns() -%}
    numbered as (

        select
            *,
            count(case when {{ opens_visit() }} then 1 end)
                over (partition by person_key order by first_at) as visit_number
        from (
            select
                *,
                lag(last_at) over (partition by person_key order by first_at) as previous_at
            from stretches
        ) as between_neighbours

    ),

    told_of_campaigns as (

        select
            person_key,
            first_at,
            last_at,
            utm_campaign,
            last_value(utm_campaign ignore nulls) over (
                partition by person_key, visit_number
                order by first_at
                rows between unbounded preceding and 1 preceding
            ) as previous_campaign
        from numbered

    )
{%- endmacro %}
