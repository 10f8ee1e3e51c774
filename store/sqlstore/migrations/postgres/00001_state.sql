-- +goose Up
-- Times are nanoseconds since 1970 in UTC, 0 for none. Documents are JSON.
-- Text compares by its bytes, as in SQLite. Columns named "search" hold lower-case text for substring search.
CREATE TABLE hosts (
  id TEXT COLLATE "C" PRIMARY KEY,
  name TEXT COLLATE "C" NOT NULL,
  state TEXT COLLATE "C" NOT NULL,
  public_key TEXT COLLATE "C" NOT NULL UNIQUE,
  labels TEXT COLLATE "C" NOT NULL,
  enrolled BIGINT NOT NULL,
  version BIGINT NOT NULL,
  search TEXT COLLATE "C" NOT NULL
);
CREATE INDEX hosts_by_name ON hosts (name, id);

CREATE TABLE host_labels (
  host TEXT COLLATE "C" NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
  name TEXT COLLATE "C" NOT NULL,
  value TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (host, name)
);
CREATE INDEX host_labels_by_value ON host_labels (name, value, host);

CREATE TABLE heartbeats (
  host TEXT COLLATE "C" PRIMARY KEY REFERENCES hosts (id) ON DELETE CASCADE,
  seen BIGINT NOT NULL,
  search TEXT COLLATE "C" NOT NULL,
  doc TEXT COLLATE "C" NOT NULL
);

CREATE TABLE intakes (
  host TEXT COLLATE "C" PRIMARY KEY,
  doc TEXT COLLATE "C" NOT NULL
);

CREATE TABLE enrol_tokens (
  id TEXT COLLATE "C" PRIMARY KEY,
  hash BYTEA NOT NULL UNIQUE,
  note TEXT COLLATE "C" NOT NULL,
  labels TEXT COLLATE "C" NOT NULL,
  created_by TEXT COLLATE "C" NOT NULL,
  created BIGINT NOT NULL,
  expires BIGINT NOT NULL,
  uses BIGINT NOT NULL,
  max_uses BIGINT NOT NULL,
  revoked BOOLEAN NOT NULL
);
CREATE INDEX enrol_tokens_by_time ON enrol_tokens (created, id);

-- What alerts are filtered, sorted and counted by. Every change takes the next
-- number of alert_clock, whose row is locked until the change is committed, so
-- that changes become visible in the order of their numbers.
CREATE TABLE alert_clock (
  id BIGINT PRIMARY KEY CHECK (id = 1),
  changes BIGINT NOT NULL,
  last_seq BIGINT NOT NULL,
  forgotten BIGINT NOT NULL -- deletions up to this change are no longer in alerts_gone
);
INSERT INTO alert_clock (id, changes, last_seq, forgotten) VALUES (1, 0, 0, 0);

CREATE TABLE alerts (
  seq BIGINT PRIMARY KEY,
  id TEXT COLLATE "C" NOT NULL UNIQUE,
  alert_type TEXT COLLATE "C" NOT NULL,
  severity SMALLINT NOT NULL,
  status TEXT COLLATE "C" NOT NULL,
  host TEXT COLLATE "C" NOT NULL,
  rule TEXT COLLATE "C" NOT NULL,
  tactics TEXT COLLATE "C" NOT NULL,
  assignee TEXT COLLATE "C" NOT NULL,
  count BIGINT NOT NULL,
  last_time BIGINT NOT NULL,
  changed BIGINT NOT NULL
);
CREATE INDEX alerts_by_change ON alerts (changed);
CREATE INDEX alerts_by_time ON alerts (last_time);

CREATE TABLE alerts_gone (
  seq BIGINT PRIMARY KEY,
  changed BIGINT NOT NULL
);
CREATE INDEX alerts_gone_by_change ON alerts_gone (changed);

CREATE TABLE alert_docs (
  seq BIGINT PRIMARY KEY REFERENCES alerts (seq) ON DELETE CASCADE,
  title TEXT COLLATE "C" NOT NULL,
  story TEXT COLLATE "C" NOT NULL,
  host_name TEXT COLLATE "C" NOT NULL,
  first_time BIGINT NOT NULL,
  received BIGINT NOT NULL,
  triaged BIGINT NOT NULL,
  triaged_by TEXT COLLATE "C" NOT NULL,
  version BIGINT NOT NULL,
  search TEXT COLLATE "C" NOT NULL,
  doc TEXT COLLATE "C" NOT NULL
);

CREATE TABLE comments (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  seq BIGINT NOT NULL REFERENCES alerts (seq) ON DELETE CASCADE,
  alert TEXT COLLATE "C" NOT NULL,
  time BIGINT NOT NULL,
  author TEXT COLLATE "C" NOT NULL,
  text TEXT COLLATE "C" NOT NULL,
  change TEXT COLLATE "C" NOT NULL
);
CREATE INDEX comments_by_alert ON comments (seq, id);

CREATE TABLE positions (
  reader TEXT COLLATE "C" NOT NULL,
  part TEXT COLLATE "C" NOT NULL,
  sequence BIGINT NOT NULL,
  PRIMARY KEY (reader, part)
);

CREATE TABLE views (
  id TEXT COLLATE "C" PRIMARY KEY,
  owner TEXT COLLATE "C" NOT NULL,
  shared BOOLEAN NOT NULL,
  page TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  query TEXT COLLATE "C" NOT NULL,
  created BIGINT NOT NULL
);
CREATE INDEX views_by_owner ON views (owner);

CREATE TABLE users (
  name TEXT COLLATE "C" PRIMARY KEY,
  full_name TEXT COLLATE "C" NOT NULL,
  role TEXT COLLATE "C" NOT NULL,
  disabled BOOLEAN NOT NULL,
  external BOOLEAN NOT NULL,
  created BIGINT NOT NULL,
  last_seen BIGINT NOT NULL,
  version BIGINT NOT NULL,
  password TEXT COLLATE "C" NOT NULL
);

CREATE TABLE sessions (
  id TEXT COLLATE "C" PRIMARY KEY,
  user_name TEXT COLLATE "C" NOT NULL,
  data BYTEA NOT NULL,
  created BIGINT NOT NULL,
  expires BIGINT NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_name);
CREATE INDEX sessions_by_expiry ON sessions (expires);

CREATE TABLE tokens (
  id TEXT COLLATE "C" PRIMARY KEY,
  hash BYTEA NOT NULL UNIQUE,
  note TEXT COLLATE "C" NOT NULL,
  role TEXT COLLATE "C" NOT NULL,
  created_by TEXT COLLATE "C" NOT NULL,
  created BIGINT NOT NULL,
  expires BIGINT NOT NULL,
  last_used BIGINT NOT NULL
);
CREATE INDEX tokens_by_time ON tokens (created, id);

CREATE TABLE audit_log (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  time BIGINT NOT NULL,
  actor TEXT COLLATE "C" NOT NULL,
  action TEXT COLLATE "C" NOT NULL,
  object TEXT COLLATE "C" NOT NULL,
  address TEXT COLLATE "C" NOT NULL,
  detail TEXT COLLATE "C" NOT NULL,
  outcome TEXT COLLATE "C" NOT NULL
);
CREATE INDEX audit_log_by_time ON audit_log (time);
CREATE INDEX audit_log_by_actor ON audit_log (actor, id);
CREATE INDEX audit_log_by_object ON audit_log (object, id);

-- +goose StatementBegin
CREATE FUNCTION audit_log_unchanged() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'entries of the audit log are never changed';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER audit_log_unchanged BEFORE UPDATE ON audit_log
  FOR EACH ROW EXECUTE FUNCTION audit_log_unchanged();

CREATE TABLE settings (
  name TEXT COLLATE "C" PRIMARY KEY,
  version BIGINT NOT NULL,
  value BYTEA NOT NULL
);

CREATE TABLE segments (
  id TEXT COLLATE "C" PRIMARY KEY,
  day TEXT COLLATE "C" NOT NULL,
  first_time BIGINT NOT NULL,
  last_time BIGINT NOT NULL,
  min_host TEXT COLLATE "C" NOT NULL,
  max_host TEXT COLLATE "C" NOT NULL,
  row_count BIGINT NOT NULL,
  byte_count BIGINT NOT NULL,
  part TEXT COLLATE "C" NOT NULL,
  from_seq BIGINT NOT NULL,
  to_seq BIGINT NOT NULL
);
CREATE INDEX segments_by_time ON segments (first_time, id);

CREATE TABLE orders (
  id TEXT COLLATE "C" PRIMARY KEY,
  host TEXT COLLATE "C" NOT NULL,
  created BIGINT NOT NULL,
  doc TEXT COLLATE "C" NOT NULL
);
CREATE INDEX orders_by_time ON orders (created, id);
CREATE INDEX orders_by_host ON orders (host, created, id);

CREATE TABLE serials (
  host TEXT COLLATE "C" NOT NULL,
  kind TEXT COLLATE "C" NOT NULL,
  number BIGINT NOT NULL,
  PRIMARY KEY (host, kind)
);
