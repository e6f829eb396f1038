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
    {% if not execute %}{{ return(none) }}{% endif %}
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
    {{ return(asked or declaration_has_changed()) }}
{% endmacro %}


{% macro declaration_has_changed() %}
    {% set keys = config.get('meta', {}).get('declared_by') %}
    {% if not (keys and execute) %}{{ return(false) }}{% endif %}
    {% set existing = load_relation(this) %}
    {% if existing is none %}{{ return(false) }}{% endif %}
    {% set built = run_query("select max(declaration_hash) from " ~ existing).columns[0].values()[0] %}
    {{ return(built is not none and built != declaration_of(keys)) }}
{% endmacro %}
