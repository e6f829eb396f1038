{# The settings of the compiled catalog, by key. At parse time, when nothing may be
   queried, neutral ones keep the SQL well formed. Unit tests put theirs in its place. #}
{% macro declared_settings() %}
    {% if not execute %}
        {{ return({
            'reporting_timezone': 'UTC', 'week_start': 'monday', 'server_platforms': '[]',
            'junk_ids': '[]', 'heartbeat_events': '[]'
        }) }}
    {% endif %}
    {% set rows = run_query("select key, value from " ~ source('raw', 'catalog_settings')) %}
    {% set settings = {} %}
    {% for row in rows.rows %}{% do settings.update({row[0]: row[1]}) %}{% endfor %}
    {{ return(settings) }}
{% endmacro %}


{% macro setting(key) %}
    {% set settings = declared_settings() %}
    {% if execute and key not in settings %}
        {{ exceptions.raise_compiler_error(
            "The compiled catalog has no setting '" ~ key
            ~ "'. Run `daybreak catalog check`, then `daybreak run`."
        ) }}
    {% endif %}
    {{ return(settings.get(key, '0')) }}
{% endmacro %}


{# The metrics of the compiled catalog, one mapping each, in order of name. #}
{% macro declared_metrics() %}
    {% if not execute %}{{ return([]) }}{% endif %}
    {% set rows = run_query("select * from " ~ source('raw', 'catalog_metrics') ~ " order by metric_name") %}
    {% set metrics = [] %}
    {% for row in rows.rows %}{% do metrics.append(row.dict()) %}{% endfor %}
    {{ return(metrics) }}
{% endmacro %}


{# The settings that config.meta.declared_by names, as one hash: rows that carry it can
   be told from rows that were made under another declaration. #}
{% macro declaration_hash() -%}
    '{{ declaration_of(config.get('meta')['declared_by']) if execute }}'
{%- endmacro %}


{% macro declaration_of(keys) %}
    {% set values = [] %}
    {% for key in keys %}{% do values.append(setting(key)) %}{% endfor %}
    {{ return(local_md5(values | join('|'))) }}
{% endmacro %}
