-- How many users marked two products both; of a product and itself, how many marked it. In the catalogue's database, whose
-- recommendations are read from the last whole generation while the next one is counted. No foreign keys: what is gone from
-- the catalogue is passed over and not counted again.
CREATE TABLE co_favorites (
    generation BIGINT NOT NULL,
    product_id UUID   NOT NULL,
    other_id   UUID   NOT NULL,
    users      BIGINT NOT NULL,
    PRIMARY KEY (generation, product_id, other_id)
);
CREATE INDEX co_favorites_most ON co_favorites (generation, product_id, users DESC, other_id);
CREATE INDEX co_favorites_popular ON co_favorites (generation, users DESC, other_id) WHERE product_id = other_id;

-- One row: the last whole generation, a checksum of the marks it was counted from, and how far the next one is: in which
-- of the databases that users are in, behind which user, with which checksum so far.
CREATE TABLE co_favorites_walk (
    alone      BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (alone),
    generation BIGINT  NOT NULL,
    checksum   BIGINT  NOT NULL,
    place      BIGINT  NOT NULL,
    after_user UUID    NOT NULL,
    so_far     BIGINT  NOT NULL
);
INSERT INTO co_favorites_walk (generation, checksum, place, after_user, so_far)
VALUES (0, 0, 0, '00000000-0000-0000-0000-000000000000', 0);
