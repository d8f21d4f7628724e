-- Rows carry the shop they belong to: one file may serve several shops. Moments are
-- nanoseconds since 1970 in UTC and exist for searching only; what a thing is, with
-- its zones, is in doc.

CREATE TABLE shop_order (
  id        INTEGER PRIMARY KEY,
  shop      TEXT NOT NULL,
  order_id  TEXT NOT NULL,
  number    TEXT NOT NULL,
  email     TEXT NOT NULL, -- folded; empty for who has none
  placed_at INTEGER,
  doc       BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX shop_order_key ON shop_order (shop, order_id);
CREATE INDEX shop_order_number ON shop_order (shop, number, placed_at);
CREATE INDEX shop_order_email ON shop_order (shop, email, placed_at) WHERE email <> '';

CREATE TABLE parcel (
  id       INTEGER PRIMARY KEY,
  shop     TEXT NOT NULL,
  carrier  TEXT NOT NULL,
  number   TEXT NOT NULL,
  epoch    INTEGER NOT NULL,
  followed INTEGER,
  status   TEXT NOT NULL,
  health   TEXT NOT NULL,
  poll_at  INTEGER,
  check_at INTEGER,
  renew_at INTEGER,
  doc      BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX parcel_key ON parcel (shop, carrier, number, epoch);
CREATE INDEX parcel_health ON parcel (shop, health);
CREATE INDEX parcel_poll  ON parcel (shop, poll_at, carrier)  WHERE poll_at IS NOT NULL;
CREATE INDEX parcel_check ON parcel (shop, check_at, carrier) WHERE check_at IS NOT NULL;
CREATE INDEX parcel_renew ON parcel (shop, renew_at, carrier) WHERE renew_at IS NOT NULL;

CREATE TABLE parcel_order (
  shop      TEXT NOT NULL,
  order_id  TEXT NOT NULL,
  parcel_id INTEGER NOT NULL,
  PRIMARY KEY (shop, order_id, parcel_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE message (
  id       INTEGER PRIMARY KEY,
  shop     TEXT NOT NULL,
  key      TEXT NOT NULL,
  order_id TEXT NOT NULL,
  state    TEXT NOT NULL,
  send_at  INTEGER,
  doc      BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX message_key ON message (shop, key);
CREATE INDEX message_order ON message (shop, order_id);
-- Most messages have come to their end, and are in neither of these.
CREATE INDEX message_due  ON message (shop, send_at) WHERE state = 'pending';
CREATE INDEX message_open ON message (shop, state) WHERE state IN ('sending', 'unknown', 'failed');

CREATE TABLE inbox (
  id       INTEGER PRIMARY KEY,
  shop     TEXT NOT NULL,
  digest   TEXT NOT NULL,
  received INTEGER,
  doc      BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX inbox_key ON inbox (shop, digest);
CREATE INDEX inbox_received ON inbox (shop, received);

CREATE TABLE cursor (
  shop TEXT NOT NULL,
  name TEXT NOT NULL,
  due  INTEGER,
  doc  BLOB NOT NULL,
  PRIMARY KEY (shop, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX cursor_due ON cursor (shop, due) WHERE due IS NOT NULL;
