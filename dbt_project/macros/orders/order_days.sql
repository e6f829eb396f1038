{# The lines of one definition added up by order, customer and local day, for the total
   and for each dimension: (order_date, dimension, dimension_value, order_id,
   customer_id, line_count, gross_amount, refund_amount). `days` are local ones. #}
{% macro days_of_orders(orders, days) -%}
    select
        order_date,
        {% for column in ['dimension', 'dimension_value'] -%}
        case
            {% for dimension in orders.dimensions -%}
            when grouping(dimension_{{ loop.index }}) = 0
                then {{ "'" ~ dimension.name ~ "'" if column == 'dimension' else "coalesce(dimension_" ~ loop.index ~ ", '(none)')" }}
            {% endfor -%}
            {{ "when true then 'all'" }}
        end as {{ column }},
        {% endfor -%}
        order_id,
        customer_id,
        count(case when amount > 0 then 1 end) as line_count,
        coalesce(sum(case when amount > 0 then amount end), 0) as gross_amount,
        coalesce(sum(case when amount < 0 then amount end), 0) as refund_amount
    from (
        select
            order_date,
            {% for dimension in orders.dimensions -%}
            dimension_{{ loop.index }},
            {% endfor -%}
            order_id,
            customer_id,
            case when is_refund then -abs(amount) else amount end as amount
        from (
            select
                cast({{ local_time_of_funnel(orders, 'occurred_at') }} as date) as order_date,
                {% for dimension in orders.dimensions -%}
                cast({{ dimension.sql }} as {{ dbt.type_string() }}) as dimension_{{ loop.index }},
                {% endfor -%}
                coalesce(cast({{ orders.order_sql }} as {{ dbt.type_string() }}), event_id)
                    as order_id,
                cast({{ orders.customer_sql }} as {{ dbt.type_string() }}) as customer_id,
                {{ orders.value_sql }} as amount,
                coalesce({{ orders.refund_filter_sql }}, false) as is_refund
            from {{ ref('int_events') }}
            {% if orders.uses_person_properties -%}
            left join {{ ref('int_person_properties') }} using (person_id)
            {% endif -%}
            where
                (({{ orders.line_filter_sql }}) or ({{ orders.refund_filter_sql }}))
                {{ kept_traffic(orders) }}
                {% if days != 'all' -%}
                -- A local day lies on two UTC days.
                and event_date in ({{ date_literals(days_around(days, 1, 1)) }})
                {%- endif %}
        ) as lines
    ) as signed
    where
        amount <> 0
        {% if days != 'all' -%}
        and order_date in ({{ date_literals(days) }})
        {%- endif %}
    group by grouping sets (
        (order_date, order_id, customer_id)
        {%- for dimension in orders.dimensions %},
        (order_date, order_id, customer_id, dimension_{{ loop.index }})
        {%- endfor %}
    )
{%- endmacro %}


{% macro no_order_days() -%}
    {%- set text = dbt.type_string() -%}
    select
        cast(null as {{ text }}) as orders_name,
        cast(null as {{ text }}) as declaration,
        cast(null as date) as order_date,
        cast(null as {{ text }}) as dimension,
        cast(null as {{ text }}) as dimension_value,
        cast(null as {{ text }}) as order_id,
        cast(null as {{ text }}) as customer_id,
        cast(null as bigint) as line_count,
        cast(null as decimal(38, 6)) as gross_amount,
        cast(null as decimal(38, 6)) as refund_amount
    where false
{%- endmacro %}
