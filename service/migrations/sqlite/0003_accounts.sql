-- When a session was last refreshed; nothing as long as it never was.
ALTER TABLE sessions ADD COLUMN last_seen_at_us INTEGER;

-- Keys for programs that act for a user. The key itself is shown once and never stored.
CREATE TABLE api_keys (
    id              BLOB    NOT NULL PRIMARY KEY,
    user_id         BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name            TEXT    NOT NULL,
    prefix          TEXT    NOT NULL,
    key_hash        BLOB    NOT NULL UNIQUE,
    created_at_us   INTEGER NOT NULL,
    last_used_at_us INTEGER
);
CREATE INDEX api_keys_user_created ON api_keys (user_id, created_at_us DESC, id DESC);

-- Leave to set a new password, once and for a short time.
CREATE TABLE password_resets (
    token_hash    BLOB    NOT NULL PRIMARY KEY,
    user_id       BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at_us INTEGER NOT NULL,
    expires_at_us INTEGER NOT NULL,
    used_at_us    INTEGER
) WITHOUT ROWID;
CREATE INDEX password_resets_user ON password_resets (user_id);
CREATE INDEX password_resets_expires ON password_resets (expires_at_us);

CREATE INDEX users_created ON users (created_at_us DESC, id DESC);
