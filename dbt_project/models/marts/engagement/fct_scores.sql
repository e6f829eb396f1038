with scores as (

    select * from {{ ref('int_person_scores') }}

),

counted as (

    select
        score_name,
        score_date,
        case when grouping(band) = 0 then band else 'all' end as band,
        count(*) as person_count,
        -- In hundredths of a millionth, so that no order of rows shows in the sum.
        sum(cast(score as decimal(38, 6))) as score_sum,
        {{ percentile_of('score', 0.5) }} as median_score
    from scores
    group by grouping sets ((score_name, score_date), (score_name, score_date, band))

),

final as (

    select
        score_name,
        score_date,
        band,
        cast(person_count as bigint) as person_count,
        person_count / cast(
            sum(case when band = 'all' then person_count end) over (
                partition by score_name, score_date
            ) as double
        ) as person_rate,
        cast(score_sum as double) / person_count as mean_score,
        cast(median_score as double) as median_score
    from counted

)

select * from final
