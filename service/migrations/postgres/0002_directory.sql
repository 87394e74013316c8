-- Where users are when their data are spread over several databases (`database.shards`). Without shards all of this
-- stays empty.

-- In the directory's database: which shard a bucket is on. Every placement has an epoch of its own, one higher than the
-- one before; `moving_to` is set while a move is under way.
CREATE TABLE bucket_map (
    bucket    integer PRIMARY KEY CHECK (bucket BETWEEN 0 AND 1023),
    shard     integer NOT NULL CHECK (shard >= 0),
    epoch     bigint  NOT NULL CHECK (epoch >= 1),
    moving_to integer
);

-- One row: it grows with every change of the map. `cluster` says whose shards they are.
CREATE TABLE bucket_map_version (
    alone   boolean PRIMARY KEY DEFAULT TRUE CHECK (alone),
    version bigint  NOT NULL,
    cluster uuid    NOT NULL
);

-- In the directory's database: who has an e-mail address. A row is reserved before the account is stored in its shard and
-- confirmed after; an account exists where both are.
CREATE TABLE email_directory (
    email          text    PRIMARY KEY,
    user_id        uuid    NOT NULL,
    confirmed      boolean NOT NULL,
    reserved_at_us bigint  NOT NULL
);
CREATE INDEX email_directory_user ON email_directory (user_id);

-- In a shard: which one it is.
CREATE TABLE shard_identity (
    alone   boolean PRIMARY KEY DEFAULT TRUE CHECK (alone),
    number  integer NOT NULL,
    cluster uuid    NOT NULL
);

-- In a shard: the buckets that it has or had. The shard's word is the last one; the map only says whom to ask.
--   owned     here
--   leaving   here, and every change is noted in bucket_changes
--   arriving  being copied to here
--   ready     copied to here in full; it is here once the shard it was on says `gone`
--   gone      on the shard `successor`
CREATE TABLE buckets (
    bucket    integer PRIMARY KEY CHECK (bucket BETWEEN 0 AND 1023),
    state     text    NOT NULL CHECK (state IN ('owned', 'leaving', 'arriving', 'ready', 'gone')),
    epoch     bigint  NOT NULL,
    successor integer,
    CHECK ((state = 'gone') = (successor IS NOT NULL))
);

-- In a shard: whose data changed in a bucket that is leaving. Rows are only added, so that a change is seen when, and
-- not before, its transaction is over.
CREATE TABLE bucket_changes (
    bucket  integer NOT NULL,
    user_id uuid    NOT NULL
);
CREATE INDEX bucket_changes_bucket ON bucket_changes (bucket);

-- The first ten bits of the SHA-256 of the id's 16 bytes.
CREATE FUNCTION bucket_of(id uuid) RETURNS integer LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT (get_byte(sha256(uuid_send(id)), 0) << 2) | (get_byte(sha256(uuid_send(id)), 1) >> 6)
$$;

-- Passes where the bucket is here, and keeps it here until the transaction ends: whoever moves it takes the same lock
-- for itself alone. Each statement of the function sees what was committed before it, so that the state is read as it is
-- once the lock is held.
CREATE FUNCTION hold_bucket(wanted integer, wanted_epoch bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(1212302916, wanted);
    IF NOT EXISTS (SELECT FROM buckets
                   WHERE bucket = wanted AND epoch = wanted_epoch AND state IN ('owned', 'leaving')) THEN
        RAISE EXCEPTION 'bucket % is not here', wanted USING ERRCODE = 'HB001';
    END IF;
END
$$;

-- On every table of users' data in a shard: no row is written of a bucket that is not here, whoever writes, and what is
-- written while it is leaving is noted.
CREATE FUNCTION guard_bucket() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed  record;
    owner    uuid;
    its      integer;
    standing text;
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
        INSERT INTO bucket_changes (bucket, user_id) VALUES (its, owner);
    ELSIF standing IS DISTINCT FROM 'owned' THEN
        RAISE EXCEPTION 'bucket % is not here', its USING ERRCODE = 'HB001';
    END IF;
    RETURN changed;
END
$$;
