{# The columns of a landed event, as staging names them. #}
{% macro landed_event_columns() %}
    {{ return([
        'event_id', 'event_name', 'category', 'occurred_at', 'received_at', 'user_id',
        'anonymous_id', 'vendor_session_id', 'platform', 'app_version', 'page',
        'referrer', 'utm_source', 'utm_medium', 'utm_campaign', 'country', 'region',
        'city', 'device_type', 'os', 'browser', 'revenue', 'currency', 'value',
        'properties', 'source', 'load_id', 'event_date'
    ]) }}
{% endmacro %}


{# The same after normalised_events(). #}
{% macro normalised_event_columns() %}
    {{ return(landed_event_columns() + ['sent_revenue', 'sent_currency', 'is_known_crawler']) }}
{% endmacro %}


{# A hash of everything the client sent, for ties: which copy of a row wins must not
   depend on the load that brought it, so load_id stays out. Null and '' differ. #}
{% macro row_fingerprint(relation, columns) %}
    {%- set parts = [] -%}
    {%- for column in columns if column != 'load_id' -%}
        {%- do parts.append("coalesce('=' || cast(" ~ relation ~ "." ~ column ~ " as " ~ dbt.type_string() ~ "), '~')") -%}
    {%- endfor -%}
    md5({{ parts | join(" || chr(31) || ") }})
{% endmacro %}
