-- Passes where nobody is at the same request, and keeps others from it until the transaction ends. `claim` is a hash of the
-- user and the request's idempotency key.
CREATE FUNCTION claim_request(claim bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT pg_try_advisory_xact_lock(claim) THEN
        RAISE EXCEPTION 'the same request is in progress' USING ERRCODE = 'HB002';
    END IF;
END
$$;
