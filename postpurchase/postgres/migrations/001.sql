-- {doorstep} is the schema. Rows carry the shop they belong to: one schema may serve
-- several shops. Moments are nanoseconds since 1970 in UTC and exist for searching
-- only; what a thing is, with its zones, is in doc, which only Doorstep reads.
--
-- A row's version changes whenever the row does, and begins anywhere, so that two rows
-- never have the same one.

-- An order, and the head of all that belongs to it: its version is also that of its
-- messages and of which parcels it has. An order that is only spoken of has no doc. The
-- doc is kept out of the row, so that a new version does not copy it.
CREATE TABLE {doorstep}.shop_order (
  id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  version   bigint NOT NULL,
  placed_at bigint,
  shop      text COLLATE "C" NOT NULL,
  order_id  text COLLATE "C" NOT NULL,
  number    text COLLATE "C" NOT NULL,
  email     text COLLATE "C" NOT NULL, -- folded; empty for who has none
  doc       bytea
) WITH (fillfactor = 80, toast_tuple_target = 256);
CREATE UNIQUE INDEX shop_order_key ON {doorstep}.shop_order (shop, order_id);
CREATE INDEX shop_order_number ON {doorstep}.shop_order (shop, number, placed_at) WHERE doc IS NOT NULL;
CREATE INDEX shop_order_email ON {doorstep}.shop_order (shop, email, placed_at) WHERE email <> '';

CREATE TABLE {doorstep}.parcel (
  id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  version  bigint NOT NULL,
  epoch    bigint NOT NULL,
  followed bigint,
  poll_at  bigint,
  check_at bigint,
  renew_at bigint,
  latest   boolean NOT NULL, -- of the parcels with this number
  shop     text COLLATE "C" NOT NULL,
  carrier  text COLLATE "C" NOT NULL,
  number   text COLLATE "C" NOT NULL,
  status   text COLLATE "C" NOT NULL,
  health   text COLLATE "C" NOT NULL,
  doc      bytea NOT NULL
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX parcel_key ON {doorstep}.parcel (shop, carrier, number, epoch);
-- Most parcels are well, nobody lists those often, and every index costs at each event.
CREATE INDEX parcel_health ON {doorstep}.parcel (shop, health) WHERE health NOT IN ('unknown', 'on_time');
CREATE INDEX parcel_poll  ON {doorstep}.parcel (shop, poll_at, carrier)  WHERE poll_at IS NOT NULL;
CREATE INDEX parcel_check ON {doorstep}.parcel (shop, check_at, carrier) WHERE check_at IS NOT NULL;
CREATE INDEX parcel_renew ON {doorstep}.parcel (shop, renew_at, carrier) WHERE renew_at IS NOT NULL;

-- Which parcels an order has; owner is the id of its head.
CREATE TABLE {doorstep}.parcel_order (
  owner     bigint NOT NULL,
  parcel_id bigint NOT NULL,
  PRIMARY KEY (owner, parcel_id)
);

CREATE TABLE {doorstep}.message (
  id      bigint GENERATED ALWAYS AS IDENTITY, -- their order; they are found by their keys
  owner   bigint NOT NULL, -- the head of its order
  send_at bigint,
  shop    text COLLATE "C" NOT NULL,
  key     text COLLATE "C" NOT NULL,
  state   text COLLATE "C" NOT NULL,
  doc     bytea NOT NULL
);
CREATE UNIQUE INDEX message_key ON {doorstep}.message (shop, key);
CREATE INDEX message_owner ON {doorstep}.message (owner);
CREATE INDEX message_state ON {doorstep}.message (shop, state, send_at);

CREATE TABLE {doorstep}.inbox (
  id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  received bigint,
  shop     text COLLATE "C" NOT NULL,
  digest   text COLLATE "C" NOT NULL,
  doc      bytea NOT NULL
);
CREATE UNIQUE INDEX inbox_key ON {doorstep}.inbox (shop, digest);
CREATE INDEX inbox_received ON {doorstep}.inbox (shop, received);

CREATE TABLE {doorstep}.cursor (
  id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  version bigint NOT NULL,
  due     bigint,
  shop    text COLLATE "C" NOT NULL,
  name    text COLLATE "C" NOT NULL,
  doc     bytea NOT NULL
);
CREATE UNIQUE INDEX cursor_key ON {doorstep}.cursor (shop, name);
CREATE INDEX cursor_due ON {doorstep}.cursor (shop, due) WHERE due IS NOT NULL;
