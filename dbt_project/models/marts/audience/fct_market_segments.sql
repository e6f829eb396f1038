{{ config(materialized='view') }}

-- Written by a macro, so dbt is told what it refers to: depends_on: {{ ref('int_group_periods') }}
with ranked as (

    {{ ranked_groups('market_segment', 'segment') }}

),

final as (

    select * from ranked

)

select * from final
