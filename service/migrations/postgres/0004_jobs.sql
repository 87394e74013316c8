-- A job is the truth about one piece of background work; a queue only says that there is one. Its state:
-- waiting (in the outbox) → queued (handed over) → running → done, or back to waiting, or dead after the last attempt.
CREATE TABLE jobs (
    id              UUID    NOT NULL PRIMARY KEY,
    user_id         UUID    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind            TEXT    NOT NULL,
    payload         TEXT    NOT NULL,
    state           TEXT    NOT NULL CHECK (state IN ('waiting', 'queued', 'running', 'done', 'dead')),
    attempts        BIGINT  NOT NULL,
    percent         BIGINT  NOT NULL CHECK (percent BETWEEN 0 AND 100),
    result          TEXT,
    error           TEXT,
    -- Whoever runs it has to say so again before then, or another does it.
    leased_until_us BIGINT  NOT NULL,
    created_at_us   BIGINT  NOT NULL,
    updated_at_us   BIGINT  NOT NULL
);
CREATE INDEX jobs_user ON jobs (user_id);
CREATE INDEX jobs_queued ON jobs (updated_at_us) WHERE state = 'queued';
CREATE INDEX jobs_running ON jobs (leased_until_us) WHERE state = 'running';
CREATE INDEX jobs_settled ON jobs (state, updated_at_us) WHERE state IN ('done', 'dead');

-- Written in the transaction of what it follows from. A retry is an entry that is due later.
CREATE TABLE outbox (
    job_id         UUID    NOT NULL PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    user_id        UUID    NOT NULL,
    due_at_us      BIGINT  NOT NULL,
    taken_until_us BIGINT  NOT NULL
);
CREATE INDEX outbox_due ON outbox (due_at_us);

-- Work that comes round by the clock, done by one process at a time.
CREATE TABLE schedules (
    name            TEXT    NOT NULL PRIMARY KEY,
    due_at_us       BIGINT  NOT NULL,
    leased_until_us BIGINT  NOT NULL,
    holder          UUID    NOT NULL
);

CREATE TABLE notifications (
    id            UUID    NOT NULL PRIMARY KEY,
    user_id       UUID    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind          TEXT    NOT NULL,
    task_id       UUID    NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    title         TEXT    NOT NULL,
    due_at_us     BIGINT  NOT NULL,
    created_at_us BIGINT  NOT NULL,
    read_at_us    BIGINT,
    -- One reminder per task and due date, however often reminders are made.
    UNIQUE (task_id, kind, due_at_us)
);
CREATE INDEX notifications_user_created ON notifications (user_id, created_at_us DESC, id DESC);
-- What reminders are made from: a walk over the next day's tasks instead of all.
CREATE INDEX tasks_due ON tasks (due_at_us) WHERE due_at_us IS NOT NULL AND status <> 'done';

-- No foreign keys: events are of users and products of other databases, and stay when those go.
CREATE TABLE events (
    id             UUID    NOT NULL PRIMARY KEY,
    user_id        UUID    NOT NULL,
    kind           TEXT    NOT NULL,
    product_id     UUID,
    query          TEXT,
    duration_ms    BIGINT,
    value_cents    BIGINT,
    occurred_at_us BIGINT  NOT NULL,
    rolled_up_us   BIGINT
);
CREATE INDEX events_fresh ON events (id) WHERE rolled_up_us IS NULL;
CREATE INDEX events_rolled_up ON events (rolled_up_us) WHERE rolled_up_us IS NOT NULL;

-- Days are counted from the Unix epoch, in UTC.
CREATE TABLE event_users (
    day     BIGINT  NOT NULL,
    kind    TEXT    NOT NULL,
    user_id UUID    NOT NULL,
    events  BIGINT  NOT NULL,
    PRIMARY KEY (day, kind, user_id)
);

CREATE TABLE search_terms (
    day      BIGINT  NOT NULL,
    term     TEXT    NOT NULL,
    searches BIGINT  NOT NULL,
    PRIMARY KEY (day, term)
);
