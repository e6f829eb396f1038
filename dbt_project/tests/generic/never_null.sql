{# Fails for every row in which one of some columns is null. #}
{% test never_null(model, columns) %}

    select *
    from {{ model }}
    where
        {% for column in columns %}
        {{ column }} is null
        {{ 'or' if not loop.last }}
        {% endfor %}

{% endtest %}
