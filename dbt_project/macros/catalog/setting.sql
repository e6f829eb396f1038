{# The settings of the compiled catalog, by key. At parse time, when nothing may be
   queried, neutral ones keep the SQL well formed. Unit tests put theirs in its place. #}
{% macro declared_settings() %}
    {% if not execute %}
        {{ return({
            'reporting_timezone': 'UTC', 'week_start': 'monday', 'server_platforms': '[]',
            'junk_ids': '[]', 'heartbeat_events': '[]'
        }) }}
    {% endif %}
    {% set settings = {} %}
    {% for row in compiled_rows('catalog_settings', 'key') %}
        {% do settings.update({row.key: row.value}) %}
    {% endfor %}
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
    {{ return(compiled_rows('catalog_metrics', 'metric_name')) }}
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
