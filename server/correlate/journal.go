package correlate

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/holdfast-security/holdfast/finding"
	"github.com/holdfast-security/holdfast/incident"
	"github.com/holdfast-security/holdfast/store"
)

// record is what a step was made of, in the order in which the engine got it:
// verdicts, then signals.
type record struct {
	Verdicts []verdict         `json:"verdicts,omitempty"`
	Signals  []incident.Signal `json:"signals,omitempty"`
}

// verdict is what people say of an incident.
type verdict struct {
	Incident string `json:"incident"`
	Attack   bool   `json:"attack"`
	Back     bool   `json:"back,omitempty"` // nobody says anything any more
}

func verdictOf(v store.IncidentVerdict) verdict {
	return verdict{v.Incident, v.Verdict == finding.Attack, v.Verdict == finding.NoVerdict}
}

func (v verdict) verdict() finding.Verdict {
	switch {
	case v.Back:
		return finding.NoVerdict
	case v.Attack:
		return finding.Attack
	}
	return finding.Benign
}

// maxRecord bounds a record when it is read: signals are bounded, and so is
// their number.
const maxRecord = batch * (256 << 10)

func (r record) encode() ([]byte, error) {
	data, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode a step of correlation: %w", err)
	}
	return squeeze(func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

func decodeRecord(data []byte) (record, error) {
	var r record
	plain, err := expand(data, maxRecord)
	if err == nil {
		err = json.Unmarshal(plain, &r)
	}
	if err != nil {
		return record{}, fmt.Errorf("read a step of correlation: %w", err)
	}
	return r, nil
}

// squeeze compresses what is written, for the database.
func squeeze(write func(io.Writer) error) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	if err := write(w); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// expand is the reverse of squeeze, for up to limit bytes.
func expand(data []byte, limit int64) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(plain)) > limit {
		err = fmt.Errorf("more than %d bytes", limit)
	}
	return plain, err
}

// maxSnapshot bounds a snapshot when it is read: many times of what an engine
// within its limits writes.
const maxSnapshot = 2 << 30

// load brings the engine to where the database is. A state that cannot be used
// is forgotten, and all alerts that are there are joined anew: incidents get the
// ids that they had, for these come of their first alerts.
func (c *Correlator) load(ctx context.Context) error {
	began := time.Now()
	if err := c.endSnapshot(true); err != nil {
		c.cfg.Log.Warn("a snapshot of incidents was not stored", "error", err)
	}
	err := c.restore(ctx)
	if err == nil {
		c.cfg.Log.Debug("incidents are where they were", "step", c.at.Step, "took", time.Since(began))
		return nil
	}
	c.engine = nil
	if !errors.Is(err, incident.ErrSnapshot) {
		return err
	}
	c.cfg.Log.Warn("the state of incidents cannot be used; alerts are joined anew", "error", err)
	if err := c.cfg.State.ForgetCorrelation(ctx); err != nil {
		return err
	}
	return c.restore(ctx)
}

func (c *Correlator) restore(ctx context.Context) error {
	at, err := c.cfg.State.Correlation(ctx)
	if err != nil {
		return err
	}
	engine, size := incident.New(c.cfg.Limits), int64(0)
	if at.Snapshot > 0 {
		data, err := c.cfg.State.Snapshot(ctx)
		if err != nil {
			return err
		}
		plain, err := expand(data, maxSnapshot)
		if err != nil {
			return fmt.Errorf("%w: %w", incident.ErrSnapshot, err)
		}
		if engine, err = incident.Restore(plain, c.cfg.Limits); err != nil {
			return err
		}
		size = int64(len(data))
	}
	c.engine, c.at, c.snapshot, c.journal = engine, at, size, 0
	return c.repeatAll(ctx)
}

// repeatAll takes the steps behind the snapshot again; without one, those since
// everything was forgotten, the first of which may have any number.
func (c *Correlator) repeatAll(ctx context.Context) error {
	last := c.at.Snapshot
	for {
		steps, err := c.cfg.State.CorrelationJournal(ctx, last, journalPart)
		if err != nil {
			return err
		}
		for _, s := range steps {
			if s.Step != last+1 && last > 0 {
				return fmt.Errorf("%w: step %d follows on %d", incident.ErrSnapshot, s.Step, last)
			}
			if err := c.repeat(s.Data); err != nil {
				return fmt.Errorf("%w: step %d: %w", incident.ErrSnapshot, s.Step, err)
			}
			last = s.Step
		}
		if len(steps) < journalPart {
			break
		}
	}
	if last != c.at.Step && c.at.Place != (store.AlertPlace{}) {
		return fmt.Errorf("%w: steps up to %d of %d", incident.ErrSnapshot, last, c.at.Step)
	}
	return nil
}

func (c *Correlator) repeat(data []byte) error {
	r, err := decodeRecord(data)
	if err == nil {
		_, err = c.apply(r)
	}
	c.journal += int64(len(data))
	return err
}
