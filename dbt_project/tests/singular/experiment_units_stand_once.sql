-- Units that share a number (another `person_key_salt` ends it), and days counted twice.
select
    experiment_name,
    cast(null as bigint) as metric_key,
    cast(null as date) as day_date,
    unit_key,
    count(*) as row_count
from {{ ref('int_experiment_units') }}
group by experiment_name, unit_key
having count(*) > 1
union all
select
    null as experiment_name,
    metric_key,
    day_date,
    unit_key,
    count(*) as row_count
from {{ ref('int_experiment_unit_days') }}
group by metric_key, unit_key, day_date, is_entry
having count(*) > 1
