-- Times are microseconds since the Unix epoch (UTC), money is integer cents, ids are UUIDs in 16 bytes.

CREATE TABLE users (
    id            BLOB    NOT NULL PRIMARY KEY,
    email         TEXT    NOT NULL UNIQUE,
    name          TEXT    NOT NULL,
    password_hash TEXT    NOT NULL,
    role          TEXT    NOT NULL CHECK (role IN ('user', 'admin')),
    created_at_us INTEGER NOT NULL,
    updated_at_us INTEGER NOT NULL
);

CREATE TABLE preferences (
    user_id             BLOB    NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    theme               TEXT    NOT NULL CHECK (theme IN ('system', 'light', 'dark')),
    locale              TEXT    NOT NULL,
    email_notifications BOOLEAN NOT NULL,
    page_size           INTEGER NOT NULL CHECK (page_size BETWEEN 1 AND 100),
    updated_at_us       INTEGER NOT NULL
);

-- No foreign key to users: the sessions of a deleted account stay as revoked rows until they expire, so that its
-- access tokens are refused after a restart too.
CREATE TABLE sessions (
    id            BLOB    NOT NULL PRIMARY KEY,
    user_id       BLOB    NOT NULL,
    ip            TEXT    NOT NULL,
    device        TEXT    NOT NULL,
    created_at_us INTEGER NOT NULL,
    expires_at_us INTEGER NOT NULL,
    revoked_at_us INTEGER
);
CREATE INDEX sessions_user_created ON sessions (user_id, created_at_us DESC);
CREATE INDEX sessions_revoked ON sessions (expires_at_us) WHERE revoked_at_us IS NOT NULL;

-- A session is the family of the refresh tokens that were rotated within it.
CREATE TABLE refresh_tokens (
    token_hash    BLOB    NOT NULL PRIMARY KEY,
    session_id    BLOB    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    expires_at_us INTEGER NOT NULL,
    used_at_us    INTEGER
) WITHOUT ROWID;
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);

CREATE TABLE tasks (
    id            BLOB    NOT NULL PRIMARY KEY,
    user_id       BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title         TEXT    NOT NULL,
    description   TEXT,
    status        TEXT    NOT NULL CHECK (status IN ('todo', 'in_progress', 'done')),
    priority      TEXT    NOT NULL CHECK (priority IN ('low', 'medium', 'high')),
    due_at_us     INTEGER,
    created_at_us INTEGER NOT NULL,
    updated_at_us INTEGER NOT NULL
);
CREATE INDEX tasks_user_created ON tasks (user_id, created_at_us DESC, id DESC);
CREATE INDEX tasks_user_status_created ON tasks (user_id, status, created_at_us DESC, id DESC);
-- The expression is the sort key of `sort=due_at`: tasks without a due date come last.
CREATE INDEX tasks_user_due ON tasks (user_id, COALESCE(due_at_us, 9223372036854775807), id);

CREATE TABLE products (
    id            BLOB    NOT NULL PRIMARY KEY,
    title         TEXT    NOT NULL,
    description   TEXT    NOT NULL,
    category      TEXT    NOT NULL,
    price_cents   INTEGER NOT NULL CHECK (price_cents >= 0),
    stock         INTEGER NOT NULL CHECK (stock >= 0),
    created_at_us INTEGER NOT NULL,
    updated_at_us INTEGER NOT NULL
);
CREATE INDEX products_created ON products (created_at_us DESC, id DESC);
CREATE INDEX products_category_created ON products (category, created_at_us DESC, id DESC);
CREATE INDEX products_category_price ON products (category, price_cents);

CREATE TABLE favorites (
    user_id       BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    product_id    BLOB    NOT NULL REFERENCES products (id) ON DELETE CASCADE,
    created_at_us INTEGER NOT NULL,
    PRIMARY KEY (user_id, product_id)
) WITHOUT ROWID;
CREATE INDEX favorites_user_created ON favorites (user_id, created_at_us DESC, product_id DESC);
CREATE INDEX favorites_product ON favorites (product_id);

CREATE TABLE idempotency_keys (
    user_id       BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    key           TEXT    NOT NULL,
    body_hash     BLOB    NOT NULL,
    response      BLOB    NOT NULL,
    created_at_us INTEGER NOT NULL,
    PRIMARY KEY (user_id, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at_us);
