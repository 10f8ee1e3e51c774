-- +goose Up

-- The texts of alerts apart from their documents, so that looking through many
-- of them reads few pages.
CREATE TABLE alert_search (
  seq INTEGER PRIMARY KEY REFERENCES alerts (seq) ON DELETE CASCADE,
  search TEXT NOT NULL
);
INSERT INTO alert_search (seq, search) SELECT seq, search FROM alert_docs ORDER BY seq;
ALTER TABLE alert_docs DROP COLUMN search;
