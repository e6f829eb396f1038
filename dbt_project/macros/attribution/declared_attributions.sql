{# The attributions of the compiled catalog, one mapping each, in order of name; the name
   of their declaration (what changes figures is in it) under `declaration`. #}
{% macro declared_attributions() %}
    {% set attributions = compiled_rows('catalog_attribution', 'attribution_name') %}
    {% set settings = declared_settings() if attributions else {} %}
    {% for attribution in attributions %}
        {% set meaning = [attribution.definition_hash] %}
        {% for key in ['reporting_timezone', 'event_rules_hash', 'sessions_hash', 'page_view_events'] %}
            {% do meaning.append(settings[key]) %}
        {% endfor %}
        {% do attribution.update({
            'zone': settings['reporting_timezone'],
            'models': fromjson(attribution.models),
            'position_weights': fromjson(attribution.position_weights),
            'direct_channels': fromjson(attribution.direct_channels),
            'declaration': local_md5(meaning | join('|'))
        }) %}
    {% endfor %}
    {{ return(attributions) }}
{% endmacro %}


{# Every model there is, in the order of columns and rows. #}
{% macro attribution_models() %}
    {{ return(['first', 'last', 'last_non_direct', 'linear', 'position', 'time_decay']) }}
{% endmacro %}
