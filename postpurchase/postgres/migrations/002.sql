-- One row for each writer of a process, in which every transaction leaves a mark: so that
-- one whose commit had no answer can be told from one that did not happen.
CREATE TABLE {doorstep}.writer (
  id   bigint PRIMARY KEY,
  mark bigint NOT NULL,
  seen timestamptz NOT NULL
) WITH (fillfactor = 50);
