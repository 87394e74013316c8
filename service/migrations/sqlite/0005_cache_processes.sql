-- Which processes serve from the shared cache (inside), and which write past it because they cannot reach it.
CREATE TABLE cache_processes (
    id       BLOB    NOT NULL PRIMARY KEY,
    inside   BOOLEAN NOT NULL,
    until_us INTEGER NOT NULL
);
