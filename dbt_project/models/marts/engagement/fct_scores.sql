with counted as (

    select * from {{ ref('int_score_counts') }}

),

final as (

    select
        score_name,
        score_date,
        band,
        person_count,
        person_count / cast(
            sum(case when band = 'all' then person_count end) over (
                partition by score_name, score_date
            ) as double
        ) as person_rate,
        cast(score_sum as double) / person_count as mean_score,
        median_score
    from counted

)

select * from final
