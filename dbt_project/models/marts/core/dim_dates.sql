with calendar as (

    select * from {{ ref('int_calendar_days') }}

),

final as (

    select
        date_day,
        cast(week_start as date) as week_start_date,
        cast(month_start as date) as month_start_date,
        cast(date_trunc('quarter', day_start) as date) as quarter_start_date,
        cast(extract(year from date_day) as integer) as year_number,
        cast(extract(month from date_day) as integer) as month_number,
        cast(extract(day from date_day) as integer) as day_of_month,
        cast(extract(dayofweek from date_day) as integer) in (0, 6) as is_weekend,
        is_complete
    from calendar

)

select * from final
