{% set models = [
    'first', 'last', 'last_non_direct', 'linear', 'position', 'time_decay'
] %}
with by_channel as (

    select
        attribution_name,
        conversion_date,
        channel,
        {% for model in models %}
        sum({{ model }}_amount_units) as {{ model }}_amount_units,
        sum({{ model }}_credit_units) as {{ model }}_credit_units,
        {% endfor %}
        count(distinct conversion_id) as touched_conversion_count
    from {{ ref('int_attribution_touches') }}
    group by attribution_name, conversion_date, channel

),

-- Columns of models that are not declared hold nothing.
by_model as (

    {% for model in models %}
    select
        attribution_name,
        '{{ model }}' as model,
        conversion_date,
        channel,
        {{ model }}_amount_units as amount_units,
        {{ model }}_credit_units as credit_units,
        touched_conversion_count
    from by_channel
    where {{ model }}_credit_units is not null
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

final as (

    select
        by_model.attribution_name,
        by_model.model,
        by_model.conversion_date,
        coalesce(by_model.channel, '(none)') as channel,
        cast(by_model.conversion_date as timestamp) + interval '1' day
        <= watermark.watermark_local_at as is_complete,
        cast({{ decimal_of_units('by_model.amount_units') }} as decimal(38, 9)) as amount,
        cast({{ decimal_of_units('by_model.credit_units') }} as decimal(38, 9))
            as conversion_count,
        cast(by_model.touched_conversion_count as bigint) as touched_conversion_count
    from by_model
    cross join {{ ref('int_watermark') }} as watermark

)

select * from final
