{# Engaged time from heartbeats (Snowplow's page pings): a ping every few seconds says
   that the page was in use since the last; the first one comes after the minimum visit.
   Pings of one interval count once, however many tabs or retries sent them. #}
{% macro engaged_seconds() -%}
    {%- set interval = setting('heartbeat_seconds') -%}
    {%- set bucket = "cast(floor(" ~ seconds_between("timestamp '1970-01-01 00:00:00'", "occurred_at") ~ " / " ~ interval ~ ") as " ~ dbt.type_string() ~ ")" -%}
    cast(
        {{ interval }} * (
            count(distinct case when is_heartbeat then page_view_id || ' ' || {{ bucket }} end)
            - count(distinct case when is_heartbeat then page_view_id end)
        )
        + {{ setting('minimum_visit_seconds') }}
        * count(distinct case when is_heartbeat then page_view_id end) as double
    )
{%- endmacro %}
