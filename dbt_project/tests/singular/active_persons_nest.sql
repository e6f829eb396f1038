-- Who was active on a day was active in the week, and in the month, that end with it.
select *
from {{ ref('fct_active_persons_daily') }}
where
    daily_active_persons > weekly_active_persons
    or weekly_active_persons > monthly_active_persons
    or daily_active_persons < new_persons
    or daily_active_persons < 0
