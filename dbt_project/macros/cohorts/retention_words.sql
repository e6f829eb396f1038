{# Periods in which somebody was back, as bits of words: bit 0 of word 0 is the period
   numbered 0. To set bits costs less than to group by periods, and who came back in the
   same periods of a word is counted together, before its bits are told apart: the weekly
   grid of 50 million events took 1.0 s of processor time by periods, 0.5 s in words. #}

{# Whether returns are counted in words: where it is enough that there was one. Hours of
   one person lie too far apart to share words. #}
{% macro are_counts_of_words(retention) %}
    {{ return(
        retention.clock == 'calendar'
        and retention.retention_type == 'classic'
        and retention.min_occurrences == 1
        and retention.period != 'hour'
    ) }}
{% endmacro %}


{# The bits of a bigint, but for its sign. #}
{% macro periods_a_word() %}{{ return(63) }}{% endmacro %}


{# One row per unit that returned (and value that has to match) and word. #}
{% macro words_of_returns(retention, breakdown) -%}
    {%- set word_number = 'cast(floor(return_number / ' ~ periods_a_word() ~ '.0) as bigint)' -%}
    select
        unit_key,
        {{ 'group_value,' if breakdown.matches_value }}
        {{ word_number }} as word_number,
        bit_or({{ bit_at('return_number - ' ~ periods_a_word() ~ ' * ' ~ word_number) }}) as bits
    from ({{ numbered_returns(retention, breakdown) }}) as days
    group by
        unit_key,
        word_number
        {{- ', group_value' if breakdown.matches_value }}
{%- endmacro %}


{# The periods in which persons were back, those counted together who were back in the
   same periods of a word. (To tell the bits of each person apart right behind the join
   ends DuckDB 2.0.0 with an internal error where the join is large.) #}
{% macro counts_of_words(retention, breakdown, entries) -%}
    {%- set value = 'dimension_value, ' if breakdown.dimension != 'all' else '' -%}
    {%- set periods_later = 'word_number * ' ~ periods_a_word() ~ ' + bit_number - cohort_number' -%}
    select
        {{ value }}cohort_start,
        {{ periods_later }} as period_number,
        person_count
    from (
        select
            {{ value }}cohort_start,
            cohort_number,
            word_number,
            bits,
            count(*) as person_count
        from ({{ words_of_returns(retention, breakdown) }}) as returns
        inner join {{ entries }} as entries
            on
                returns.unit_key = entries.unit_key
                {%- if breakdown.matches_value %}
                and returns.group_value = entries.dimension_value
                {%- endif %}
        group by {{ value }}cohort_start, cohort_number, word_number, bits
    ) as counted_alike
    cross join {{ numbers_between(0, periods_a_word() - 1) }} as places (bit_number)
    where
        {{ has_bit('bits', 'bit_number') }}
        and {{ lies_in_grid(retention, periods_later) }}
{%- endmacro %}
