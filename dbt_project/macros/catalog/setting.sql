{# The value of one compiled catalog setting. At parse time, when nothing may be
   queried, a neutral value keeps the SQL well formed. #}
{% macro setting(key) %}
    {% if not execute %}
        {{ return({
            'reporting_timezone': 'UTC', 'week_start': 'monday', 'server_platforms': '[]'
        }.get(key, '0')) }}
    {% endif %}
    {% set query %}
        select max(value) as setting_value
        from {{ source('raw', 'catalog_settings') }}
        where key = '{{ key }}'
    {% endset %}
    {% set found = run_query(query).columns[0].values()[0] %}
    {% if found is none %}
        {{ exceptions.raise_compiler_error(
            "The compiled catalog has no setting '" ~ key
            ~ "'. Run `daybreak catalog check`, then `daybreak run`."
        ) }}
    {% endif %}
    {{ return(found) }}
{% endmacro %}


{# The metrics of the compiled catalog, one mapping each, in order of name. #}
{% macro declared_metrics() %}
    {% if not execute %}{{ return([]) }}{% endif %}
    {% set rows = run_query("select * from " ~ source('raw', 'catalog_metrics') ~ " order by metric_name") %}
    {% set metrics = [] %}
    {% for row in rows.rows %}{% do metrics.append(row.dict()) %}{% endfor %}
    {{ return(metrics) }}
{% endmacro %}


{# Joins the values of several settings: rows that carry it can be told from rows
   that were made under another declaration. #}
{% macro declaration_of(keys) %}
    {% set values = [] %}
    {% for key in keys %}{% do values.append(setting(key)) %}{% endfor %}
    {{ return(local_md5(values | join('|'))) }}
{% endmacro %}
