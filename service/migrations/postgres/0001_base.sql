-- Times are microseconds since the Unix epoch (UTC), money is integer cents. Text is compared byte by byte (COLLATE "C"),
-- as SQLite does, so that both kinds of database order and find the same.

CREATE TABLE users (
    id            UUID             NOT NULL PRIMARY KEY,
    email         TEXT COLLATE "C" NOT NULL UNIQUE,
    name          TEXT COLLATE "C" NOT NULL,
    password_hash TEXT COLLATE "C" NOT NULL,
    role          TEXT COLLATE "C" NOT NULL CHECK (role IN ('user', 'admin')),
    created_at_us BIGINT           NOT NULL,
    updated_at_us BIGINT           NOT NULL
);

CREATE TABLE preferences (
    user_id             UUID             NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    theme               TEXT COLLATE "C" NOT NULL CHECK (theme IN ('system', 'light', 'dark')),
    locale              TEXT COLLATE "C" NOT NULL,
    email_notifications BOOLEAN          NOT NULL,
    page_size           BIGINT           NOT NULL CHECK (page_size BETWEEN 1 AND 100),
    updated_at_us       BIGINT           NOT NULL
);

-- No foreign key to users: the sessions of a deleted account stay as revoked rows until they expire, so that its
-- access tokens are refused after a restart too.
CREATE TABLE sessions (
    id            UUID             NOT NULL PRIMARY KEY,
    user_id       UUID             NOT NULL,
    ip            TEXT COLLATE "C" NOT NULL,
    device        TEXT COLLATE "C" NOT NULL,
    created_at_us BIGINT           NOT NULL,
    expires_at_us BIGINT           NOT NULL,
    revoked_at_us BIGINT
);
CREATE INDEX sessions_user_created ON sessions (user_id, created_at_us DESC);
CREATE INDEX sessions_revoked ON sessions (expires_at_us) WHERE revoked_at_us IS NOT NULL;

-- A session is the family of the refresh tokens that were rotated within it.
CREATE TABLE refresh_tokens (
    token_hash    BYTEA  NOT NULL PRIMARY KEY,
    session_id    UUID   NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    expires_at_us BIGINT NOT NULL,
    used_at_us    BIGINT
);
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);

CREATE TABLE tasks (
    id            UUID             NOT NULL PRIMARY KEY,
    user_id       UUID             NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title         TEXT COLLATE "C" NOT NULL,
    description   TEXT COLLATE "C",
    status        TEXT COLLATE "C" NOT NULL CHECK (status IN ('todo', 'in_progress', 'done')),
    priority      TEXT COLLATE "C" NOT NULL CHECK (priority IN ('low', 'medium', 'high')),
    due_at_us     BIGINT,
    created_at_us BIGINT           NOT NULL,
    updated_at_us BIGINT           NOT NULL
);
CREATE INDEX tasks_user_created ON tasks (user_id, created_at_us DESC, id DESC);
CREATE INDEX tasks_user_status_created ON tasks (user_id, status, created_at_us DESC, id DESC);
-- The expression is the sort key of `sort=due_at`: tasks without a due date come last.
CREATE INDEX tasks_user_due ON tasks (user_id, (COALESCE(due_at_us, 9223372036854775807)), id);

CREATE TABLE products (
    id            UUID             NOT NULL PRIMARY KEY,
    title         TEXT COLLATE "C" NOT NULL,
    description   TEXT COLLATE "C" NOT NULL,
    category      TEXT COLLATE "C" NOT NULL,
    price_cents   BIGINT           NOT NULL CHECK (price_cents >= 0),
    stock         BIGINT           NOT NULL CHECK (stock >= 0),
    created_at_us BIGINT           NOT NULL,
    updated_at_us BIGINT           NOT NULL
);
CREATE INDEX products_created ON products (created_at_us DESC, id DESC);
CREATE INDEX products_category_created ON products (category, created_at_us DESC, id DESC);
CREATE INDEX products_category_price ON products (category, price_cents);
CREATE INDEX products_words ON products USING gin (to_tsvector('english', title || ' ' || description));

-- Trigrams find a part of a title. Where the extension is not installed or may not be created, such a search reads
-- along products_created instead.
DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
EXCEPTION
    WHEN insufficient_privilege OR feature_not_supported OR undefined_file THEN NULL;
END
$$;
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm') THEN
        CREATE INDEX products_title_trigrams ON products USING gin (LOWER(title) gin_trgm_ops);
    END IF;
END
$$;

CREATE TABLE favorites (
    user_id       UUID   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    product_id    UUID   NOT NULL REFERENCES products (id) ON DELETE CASCADE,
    created_at_us BIGINT NOT NULL,
    PRIMARY KEY (user_id, product_id)
);
CREATE INDEX favorites_user_created ON favorites (user_id, created_at_us DESC, product_id DESC);
CREATE INDEX favorites_product ON favorites (product_id);

CREATE TABLE idempotency_keys (
    user_id       UUID             NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    key           TEXT COLLATE "C" NOT NULL,
    body_hash     BYTEA            NOT NULL,
    response      BYTEA            NOT NULL,
    created_at_us BIGINT           NOT NULL,
    PRIMARY KEY (user_id, key)
);
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at_us);
