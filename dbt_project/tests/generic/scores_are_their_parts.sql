{# One row per score, person and part; a score is the points of its parts, and no part
   earns more than its own, or less than none. #}
{% test scores_are_their_parts(model) %}
select
    score_name,
    person_id,
    max(case when part = 'all' then points end) as score,
    sum(case when part <> 'all' then points end) as points
from {{ model }}
group by score_name, person_id
having
    count(case when part = 'all' then 1 end) <> 1
    or min(points) < 0
    or count(case when points > full_points + 0.000001 then 1 end) > 0
    or abs(
        max(case when part = 'all' then points end)
        - sum(case when part <> 'all' then points end)
    ) > 0.000001
{% endtest %}
