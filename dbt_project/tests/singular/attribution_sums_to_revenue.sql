-- Every model credits exactly the revenue and the conversions of a day, and the paths of
-- the day tell the same conversions.
with conversions as (

    select
        attribution_name,
        conversion_date,
        sum(amount) as amount,
        count(*) as conversion_count
    from {{ ref('int_attribution_touches') }}
    where touch_number = touch_count
    group by attribution_name, conversion_date

),

told as (

    select
        attribution_name,
        model,
        conversion_date,
        sum(amount) as amount,
        sum(conversion_count) as conversion_count
    from {{ ref('fct_attribution') }}
    group by attribution_name, model, conversion_date
    union all
    select
        attribution_name,
        'paths' as model,
        conversion_date,
        sum(amount) as amount,
        sum(conversion_count) as conversion_count
    from {{ ref('fct_attribution_paths') }}
    group by attribution_name, conversion_date

)

select
    conversions.attribution_name,
    told.model,
    conversions.conversion_date,
    conversions.amount,
    told.amount as told_amount,
    conversions.conversion_count,
    told.conversion_count as told_conversion_count
from conversions
full outer join told
    on
        conversions.attribution_name = told.attribution_name
        and conversions.conversion_date = told.conversion_date
where
    told.amount is null
    or conversions.amount is null
    or told.amount <> conversions.amount
    or told.conversion_count <> conversions.conversion_count
