-- How many users marked two products both; of a product and itself, how many marked it. Recommendations are read from the
-- last whole generation while the next one is counted. No foreign keys: what is gone from the catalogue is passed over and
-- not counted again.
CREATE TABLE co_favorites (
    generation INTEGER NOT NULL,
    product_id BLOB    NOT NULL,
    other_id   BLOB    NOT NULL,
    users      INTEGER NOT NULL,
    PRIMARY KEY (generation, product_id, other_id)
) WITHOUT ROWID;
CREATE INDEX co_favorites_most ON co_favorites (generation, product_id, users DESC, other_id);
CREATE INDEX co_favorites_popular ON co_favorites (generation, users DESC, other_id) WHERE product_id = other_id;

-- One row: the last whole generation, a checksum of the marks it was counted from, and how far the next one is: in which
-- of the databases that users are in, behind which user, with which checksum so far.
CREATE TABLE co_favorites_walk (
    alone      INTEGER NOT NULL PRIMARY KEY CHECK (alone = 1),
    generation INTEGER NOT NULL,
    checksum   INTEGER NOT NULL,
    place      INTEGER NOT NULL,
    after_user BLOB    NOT NULL,
    so_far     INTEGER NOT NULL
);
INSERT INTO co_favorites_walk VALUES (1, 0, 0, 0, x'00000000000000000000000000000000', 0);
