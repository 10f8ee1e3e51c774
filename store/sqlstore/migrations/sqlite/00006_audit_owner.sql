-- +goose Up

-- Whose token did what: the token may be gone when somebody asks.
ALTER TABLE audit_log ADD COLUMN owner TEXT NOT NULL DEFAULT '';
CREATE INDEX audit_log_by_owner ON audit_log (owner, id);
