{# How models find what is new. Loads have ids that sort by time, so one text mark
   per table tells what it has already taken in. #}

{# The highest value of a column in this model's own table, '' on a full build. #}
{% macro high_water_mark(column) %}
    {% if not (execute and is_incremental()) %}{{ return('') }}{% endif %}
    {% set found = run_query("select max(" ~ column ~ ") from " ~ this).columns[0].values()[0] %}
    {{ return(found if found is not none else '') }}
{% endmacro %}


{# The table a later model of the same name left behind in the last run, or none.
   It is no ref, because reading one's own future would be a cycle. #}
{% macro state_of_last_run(model_name) %}
    {# A unit test has no relation of its own. #}
    {% if not execute or not this or config.get('full_refresh') %}{{ return(none) }}{% endif %}
    {{ return(adapter.get_relation(
        database=this.database, schema=this.schema, identifier=model_name
    )) }}
{% endmacro %}


{# A model whose rows depend on declared settings names them in
   config.meta.declared_by and stores declaration_of(...) in the column
   declaration_hash; when they change, it is rebuilt in full by itself. #}
{% macro should_full_refresh() %}
    {% set asked = config.get('full_refresh') %}
    {% if asked is none %}{% set asked = flags.FULL_REFRESH %}{% endif %}
    {% set in_full = asked or declaration_has_changed() %}
    {% do refuse_to_forget(in_full) %}
    {{ return(in_full) }}
{% endmacro %}


{# Where days of raw events have expired (`daybreak retain`), what was built from them
   is all there is: a model that reads the lake refuses to be built from the rest. The
   names of files in lake/retained say which days are whole; nothing expired, no file. #}
{% macro refuse_to_forget(in_full) %}
    {% if not execute or not this or target.type != 'duckdb' %}{{ return('') }}{% endif %}
    {% if not reads_landed_events(model) %}{{ return('') }}{% endif %}
    {% if not in_full and load_relation(this) is not none %}{{ return('') }}{% endif %}
    {% set marks %}
        select split_part(file, '=', -1) as first_day
        from glob('{{ env_var("DAYBREAK_LAKE_PATH", "lake") }}/retained/events=*')
        order by 1 desc
        limit 1
    {% endset %}
    {% set found = run_query(marks).columns[0].values() %}
    {% if found and not found[0].endswith('.forgotten') %}
        {% do exceptions.raise_compiler_error(
            this.identifier ~ ' would be built in full, and the lake no longer holds events'
            ~ ' before ' ~ found[0] ~ ': all that the warehouse knows of earlier days would'
            ~ ' be lost. Restore the warehouse from a backup, or take back the change of'
            ~ ' the rules that asks for a full build; to go on without those days:'
            ~ ' daybreak retain --forget'
        ) %}
    {% endif %}
{% endmacro %}


{# Whether a model reads the lake's events: itself, or through views. #}
{% macro reads_landed_events(node) %}
    {% for name in node.depends_on.nodes %}
        {% if name == 'source.daybreak.raw.events' %}{{ return(true) }}{% endif %}
        {% set upstream = graph.nodes.get(name) %}
        {% if upstream and upstream.config.materialized in ('view', 'ephemeral') %}
            {% if reads_landed_events(upstream) %}{{ return(true) }}{% endif %}
        {% endif %}
    {% endfor %}
    {{ return(false) }}
{% endmacro %}


{% macro declaration_has_changed() %}
    {% set keys = config.get('meta', {}).get('declared_by') %}
    {% if not (keys and execute) %}{{ return(false) }}{% endif %}
    {% set existing = load_relation(this) %}
    {% if existing is none %}{{ return(false) }}{% endif %}
    {# All rows have the same, and dbt asks several times for a model: one row is read. #}
    {% set built = run_query(
        "select declaration_hash from " ~ existing
        ~ " where declaration_hash is not null limit 1"
    ).columns[0].values() %}
    {{ return(built | length > 0 and built[0] != declaration_of(keys)) }}
{% endmacro %}
