-- An order is the head of all that belongs to it, and messages and parcels name it by its
-- id. One that is only spoken of has no doc.
ALTER TABLE shop_order RENAME TO old_order;
ALTER TABLE parcel_order RENAME TO old_parcel_order;
ALTER TABLE message RENAME TO old_message;

CREATE TABLE shop_order (
  id        INTEGER PRIMARY KEY,
  shop      TEXT NOT NULL,
  order_id  TEXT NOT NULL,
  number    TEXT NOT NULL,
  email     TEXT NOT NULL, -- folded; empty for who has none
  placed_at INTEGER,
  doc       BLOB
) STRICT;
INSERT INTO shop_order (id, shop, order_id, number, email, placed_at, doc)
  SELECT id, shop, order_id, number, email, placed_at, doc FROM old_order ORDER BY id;
INSERT INTO shop_order (shop, order_id, number, email)
  SELECT shop, order_id, '', '' FROM (SELECT shop, order_id FROM old_message UNION SELECT shop, order_id FROM old_parcel_order) spoken
  WHERE NOT EXISTS (SELECT 1 FROM old_order o WHERE o.shop = spoken.shop AND o.order_id = spoken.order_id);
DROP TABLE old_order;
CREATE UNIQUE INDEX shop_order_key ON shop_order (shop, order_id);
CREATE INDEX shop_order_number ON shop_order (shop, number, placed_at) WHERE doc IS NOT NULL;
CREATE INDEX shop_order_email ON shop_order (shop, email, placed_at) WHERE email <> '';

-- Which parcels an order has; owner is the id of its head.
CREATE TABLE parcel_order (
  owner     INTEGER NOT NULL,
  parcel_id INTEGER NOT NULL,
  PRIMARY KEY (owner, parcel_id)
) STRICT, WITHOUT ROWID;
INSERT INTO parcel_order (owner, parcel_id)
  SELECT o.id, l.parcel_id FROM old_parcel_order l JOIN shop_order o ON o.shop = l.shop AND o.order_id = l.order_id;
DROP TABLE old_parcel_order;

CREATE TABLE message (
  id       INTEGER PRIMARY KEY,
  owner    INTEGER NOT NULL, -- the head of its order
  shop     TEXT NOT NULL,
  key      TEXT NOT NULL,
  state    TEXT NOT NULL,
  send_at  INTEGER,
  doc      BLOB NOT NULL
) STRICT;
INSERT INTO message (id, owner, shop, key, state, send_at, doc)
  SELECT m.id, o.id, m.shop, m.key, m.state, m.send_at, m.doc
  FROM old_message m JOIN shop_order o ON o.shop = m.shop AND o.order_id = m.order_id ORDER BY m.id;
DROP TABLE old_message;
CREATE UNIQUE INDEX message_key ON message (shop, key);
CREATE INDEX message_owner ON message (owner);
-- Most messages have come to their end, and are in neither of these.
CREATE INDEX message_due  ON message (shop, send_at) WHERE state = 'pending';
CREATE INDEX message_open ON message (shop, state) WHERE state IN ('sending', 'unknown', 'failed');

-- Most parcels are well, nobody lists those often, and every index costs at each event.
DROP INDEX parcel_health;
CREATE INDEX parcel_health ON parcel (shop, health) WHERE health NOT IN ('unknown', 'on_time');
