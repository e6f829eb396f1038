-- A figure whose window is still open is unknown, never 0.
select metrics.*
from {{ ref('fct_metrics') }} as metrics
inner join {{ ref('dim_metrics') }} as definitions
    on metrics.metric_name = definitions.metric_name
where
    not metrics.is_mature
    and definitions.metric_type in ('conversion', 'retention', 'time_to')
    and metrics.value is not null
