-- One equal join finds the rate of a day; a join over ranges would compare every amount
-- with every rate of its currency. The last rate of a currency holds for ten years.
with rates as (

    select * from {{ ref('stg_exchange_rates') }}

),

spread as (

    select
        currency,
        rate,
        {{ date_spine_rows(
            'cast(valid_from as timestamp)',
            'cast(least(valid_to, valid_from + 3660) - 1 as timestamp)',
            "'1' day",
            'day_start'
        ) }}
    from rates

),

final as (

    select
        currency,
        rate,
        cast(day_start as date) as rate_date
    from spread

)

select * from final
