-- Retention, and conversion counted by persons, are shares of a cohort.
select metrics.*
from {{ ref('fct_metrics') }} as metrics
inner join {{ ref('dim_metrics') }} as definitions
    on metrics.metric_name = definitions.metric_name
where
    (metrics.value < 0 or metrics.value > 1)
    and (
        definitions.metric_type = 'retention'
        or definitions.definition like '%"count_by":"persons"%'
    )
