-- Which row changed, so that a move copies that one again and not everything of its user: by its table and the id that the
-- table's rows are known by here, some of which several rows share.
ALTER TABLE bucket_changes ADD COLUMN relation text, ADD COLUMN row_id uuid;

CREATE OR REPLACE FUNCTION guard_bucket() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed  record;
    owner    uuid;
    its      integer;
    standing text;
    known_by uuid;
BEGIN
    IF TG_OP = 'DELETE' THEN changed := OLD; ELSE changed := NEW; END IF;
    IF current_setting('service.moving', TRUE) = 'on' THEN
        RETURN changed;
    END IF;
    IF TG_ARGV[0] = 'id' THEN
        owner := changed.id;
    ELSIF TG_ARGV[0] = 'user_id' THEN
        owner := changed.user_id;
    ELSE
        -- A session that goes takes its tokens along; its own going was noted.
        SELECT user_id INTO owner FROM sessions WHERE id = changed.session_id;
        IF owner IS NULL THEN
            RETURN changed;
        END IF;
    END IF;
    its := bucket_of(owner);
    PERFORM pg_advisory_xact_lock_shared(1212302916, its);
    SELECT state INTO standing FROM buckets WHERE bucket = its;
    IF standing = 'leaving' THEN
        CASE TG_TABLE_NAME
            WHEN 'refresh_tokens' THEN known_by := changed.session_id;
            WHEN 'favorites' THEN known_by := changed.product_id;
            WHEN 'outbox' THEN known_by := changed.job_id;
            WHEN 'preferences', 'idempotency_keys', 'password_resets' THEN known_by := changed.user_id;
            ELSE known_by := changed.id;
        END CASE;
        INSERT INTO bucket_changes (bucket, user_id, relation, row_id)
        VALUES (its, owner, TG_TABLE_NAME, known_by);
    ELSIF standing IS DISTINCT FROM 'owned' THEN
        RAISE EXCEPTION 'bucket % is not here', its USING ERRCODE = 'HB001';
    END IF;
    RETURN changed;
END
$$;
