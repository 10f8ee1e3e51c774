-- +goose Up

-- Rule documents, the versions that they had, and what those in test matched.
CREATE TABLE rule_docs (
  name TEXT PRIMARY KEY,
  folded TEXT NOT NULL UNIQUE, -- the name in lower case: hosts keep files whose names differ in more than case
  state TEXT NOT NULL,
  version BIGINT NOT NULL,
  author TEXT NOT NULL,
  changed BIGINT NOT NULL,
  note TEXT NOT NULL,
  bytes BIGINT NOT NULL,
  rules TEXT NOT NULL,
  search TEXT NOT NULL,
  text TEXT NOT NULL
);
CREATE INDEX rule_docs_by_state ON rule_docs (state);

CREATE TABLE rule_history (
  name TEXT NOT NULL,
  version BIGINT NOT NULL,
  state TEXT NOT NULL,
  author TEXT NOT NULL,
  changed BIGINT NOT NULL,
  note TEXT NOT NULL,
  bytes BIGINT NOT NULL,
  rules TEXT NOT NULL,
  removed BOOLEAN NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY (name, version)
);

CREATE TABLE rule_matches (
  name TEXT PRIMARY KEY REFERENCES rule_docs (name) ON DELETE CASCADE,
  count BIGINT NOT NULL,
  last BIGINT NOT NULL,
  samples TEXT NOT NULL
);
