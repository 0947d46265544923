-- Why: history can shed the months nobody keeps, without anybody but the owner of the tables being allowed to drop one.

-- Drop the partitions of `parent` that end before `before`; their names. Runs as the owner of the tables.
CREATE FUNCTION socialcron.drop_partitions(parent text, before timestamptz) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    month timestamp := date_trunc('month', before AT TIME ZONE 'UTC');
    partition text;
BEGIN
    IF parent NOT IN ('post_metrics', 'profile_post_metrics') THEN
        RAISE EXCEPTION '% is not partitioned', quote_literal(parent) USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('socialcron.ensure_partitions'));
    FOR partition IN
        SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
         WHERE i.inhparent = format('socialcron.%I', parent)::regclass
           AND c.relname < format('%s_%s', parent, to_char(month, 'YYYY_MM'))
         ORDER BY 1
    LOOP
        EXECUTE format('DROP TABLE socialcron.%I', partition);
        RETURN NEXT partition;
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION socialcron.drop_partitions FROM PUBLIC;
