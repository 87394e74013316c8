-- Which processes serve from the shared cache (inside), and which write past it because they cannot reach it.
CREATE TABLE cache_processes (
    id       uuid    NOT NULL PRIMARY KEY,
    inside   boolean NOT NULL,
    until_us bigint  NOT NULL
);
