-- +goose Up

-- When detection reported an alert last, new or repeated, as a number of
-- alert_clock: what people do to alerts does not count. Of alerts that were
-- there before, the last change is the nearest that is known.
ALTER TABLE alerts ADD COLUMN reported BIGINT NOT NULL DEFAULT 0;
UPDATE alerts SET reported = changed;
CREATE INDEX alerts_by_report ON alerts (reported, seq);

CREATE TABLE incidents (
  id TEXT PRIMARY KEY,
  title TEXT NOT NULL,
  severity SMALLINT NOT NULL,
  score BIGINT NOT NULL, -- in millionths
  first_time BIGINT NOT NULL,
  last_time BIGINT NOT NULL,
  count BIGINT NOT NULL,
  lines BIGINT NOT NULL,
  hosts TEXT NOT NULL, -- a document: ids in the order of the incident, and names
  tactics TEXT NOT NULL, -- in the order of the chain, each in commas
  status TEXT NOT NULL,
  assignee TEXT NOT NULL,
  verdict TEXT NOT NULL,
  version BIGINT NOT NULL,
  triaged BIGINT NOT NULL,
  updated BIGINT NOT NULL,
  search TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX incidents_by_time ON incidents (last_time, id);
CREATE INDEX incidents_by_severity ON incidents (severity, last_time, id);
CREATE INDEX incidents_by_score ON incidents (score, last_time, id);

CREATE TABLE incident_docs (
  incident TEXT PRIMARY KEY REFERENCES incidents (id) ON DELETE CASCADE,
  doc TEXT NOT NULL
);

CREATE TABLE incident_hosts (
  incident TEXT NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
  host TEXT NOT NULL,
  PRIMARY KEY (incident, host)
) WITHOUT ROWID;
CREATE INDEX incident_hosts_by_host ON incident_hosts (host, incident);

-- Ids of incidents that became part of others.
CREATE TABLE incident_aliases (
  alias TEXT PRIMARY KEY,
  incident TEXT NOT NULL REFERENCES incidents (id) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX incident_aliases_by_incident ON incident_aliases (incident);

CREATE TABLE incident_alerts (
  seq INTEGER PRIMARY KEY REFERENCES alerts (seq) ON DELETE CASCADE,
  incident TEXT NOT NULL REFERENCES incidents (id) ON DELETE CASCADE
);
CREATE INDEX incident_alerts_by_incident ON incident_alerts (incident, seq);

CREATE TABLE incident_comments (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  incident TEXT NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
  time BIGINT NOT NULL,
  author TEXT NOT NULL,
  text TEXT NOT NULL,
  change TEXT NOT NULL
);
CREATE INDEX incident_comments_by_incident ON incident_comments (incident, id);

-- What people said of incidents, until a step of correlation has learned it.
CREATE TABLE incident_verdicts (
  serial INTEGER PRIMARY KEY AUTOINCREMENT,
  incident TEXT NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
  attack BOOLEAN NOT NULL
);
CREATE INDEX incident_verdicts_by_incident ON incident_verdicts (incident);

-- How far correlation has come: the last step, the place of the last alert in
-- it, and the step that the snapshot was taken after.
CREATE TABLE correlation (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  step BIGINT NOT NULL,
  change BIGINT NOT NULL,
  seq BIGINT NOT NULL,
  snapshot BIGINT NOT NULL
);
INSERT INTO correlation (id, step, change, seq, snapshot) VALUES (1, 0, 0, 0, 0);

CREATE TABLE correlation_journal (
  step INTEGER PRIMARY KEY,
  data BLOB NOT NULL
);

-- A snapshot in pieces, so that no transaction is long. Pieces of a step that
-- correlation does not name are of a snapshot that was not finished.
CREATE TABLE correlation_parts (
  step BIGINT NOT NULL,
  part BIGINT NOT NULL,
  data BLOB NOT NULL,
  PRIMARY KEY (step, part)
);
