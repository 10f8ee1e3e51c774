-- +goose Up

-- Rule documents, the versions that they had, and what those in test matched.
CREATE TABLE rule_docs (
  name TEXT COLLATE "C" PRIMARY KEY,
  folded TEXT COLLATE "C" NOT NULL UNIQUE, -- the name in lower case: hosts keep files whose names differ in more than case
  state TEXT COLLATE "C" NOT NULL,
  version BIGINT NOT NULL,
  author TEXT COLLATE "C" NOT NULL,
  changed BIGINT NOT NULL,
  note TEXT COLLATE "C" NOT NULL,
  bytes BIGINT NOT NULL,
  rules TEXT COLLATE "C" NOT NULL,
  search TEXT COLLATE "C" NOT NULL,
  text TEXT COLLATE "C" NOT NULL
);
CREATE INDEX rule_docs_by_state ON rule_docs (state);

CREATE TABLE rule_history (
  name TEXT COLLATE "C" NOT NULL,
  version BIGINT NOT NULL,
  state TEXT COLLATE "C" NOT NULL,
  author TEXT COLLATE "C" NOT NULL,
  changed BIGINT NOT NULL,
  note TEXT COLLATE "C" NOT NULL,
  bytes BIGINT NOT NULL,
  rules TEXT COLLATE "C" NOT NULL,
  removed BOOLEAN NOT NULL,
  text TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (name, version)
);

CREATE TABLE rule_matches (
  name TEXT COLLATE "C" PRIMARY KEY REFERENCES rule_docs (name) ON DELETE CASCADE,
  count BIGINT NOT NULL,
  last BIGINT NOT NULL,
  samples TEXT COLLATE "C" NOT NULL
);
