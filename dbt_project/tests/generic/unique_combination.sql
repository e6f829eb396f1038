{# Fails for every combination of columns that stands more than once or holds a null. #}
{% test unique_combination(model, columns) %}

    select
        {{ columns | join(', ') }},
        count(*) as row_count
    from {{ model }}
    group by {{ columns | join(', ') }}
    having
        count(*) > 1
        {% for column in columns %}
        or {{ column }} is null
        {% endfor %}

{% endtest %}
