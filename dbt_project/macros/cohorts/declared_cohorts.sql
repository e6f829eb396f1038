{# The definitions of the compiled catalog that cohorts and engagement are counted by. #}

{% macro declared_series() %}
    {{ return(compiled_rows('catalog_cohort_series', 'series_key')) }}
{% endmacro %}


{% macro declared_retention() %}
    {{ return(compiled_rows('catalog_retention', 'retention_name')) }}
{% endmacro %}


{# Names the rows of a series: its meaning, and the rules that made the events. #}
{% macro series_id(series_key) %}
    {{ return(local_md5(series_key ~ '|' ~ setting('event_rules_hash'))) }}
{% endmacro %}


{% macro declared_lifecycles() %}
    {{ return(compiled_rows('catalog_lifecycle', 'lifecycle_name')) }}
{% endmacro %}


{% macro declared_stickiness() %}
    {{ return(compiled_rows('catalog_stickiness', 'stickiness_name')) }}
{% endmacro %}


{# Under `declaration` the name of all that rows of a segmentation are computed from. #}
{% macro declared_segmentations() %}
    {% set found = compiled_rows('catalog_segmentations', 'segmentation_name') %}
    {% for segmentation in found %}
        {% do segmentation.update({
            'declaration': local_md5([
                segmentation, setting('event_rules_hash'), setting('as_of')
            ] | join('|'))
        }) %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{% macro declared_ltv() %}
    {{ return(compiled_rows('catalog_cohort_ltv', 'ltv_name')) }}
{% endmacro %}
