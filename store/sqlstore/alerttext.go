package sqlstore

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/sqlstore/column"
	"github.com/holdfast-security/holdfast/store/sqlstore/facet"
	"github.com/holdfast-security/holdfast/store/sqlstore/trigram"
)

// searchRow is a row of alert_search: what is searched of an alert.
type searchRow struct {
	bun.BaseModel `bun:"table:alert_search,alias:t"`

	Seq    int64 `bun:",pk"`
	Search string
}

// textRow is a row of alert_text, SQLite's index of it.
type textRow struct {
	bun.BaseModel `bun:"table:alert_text"`

	RowID  int64 `bun:"rowid"`
	Search string
}

const (
	// fewTexts is up to how many alerts that may have a text are looked up
	// before the other filters. With more, the index does not help.
	fewTexts = 20_000
	// commonText is the share of alerts from which on it is faster to read
	// texts in the order of the list until a page is full.
	commonText = 0.02
	// textsPerStatement is how many texts are read at once.
	textsPerStatement = 1000
	// maxCounted bounds the texts that are read to count alerts.
	maxCounted = 5000
	// sampledTexts and sampleAge are the size of the sample of texts and how
	// long it is used.
	sampledTexts = 1000
	sampleAge    = 10 * time.Minute
)

// withText returns the numbers of the alerts that may have the text, or nil
// when they are not few.
func (s *Store) withText(ctx context.Context, text string) (map[int64]bool, error) {
	var seqs []int64
	var err error
	if s.postgres {
		err = s.read.NewSelect().Model((*searchRow)(nil)).Column("seq").Where("search LIKE ? ESCAPE '!'", column.Contains(text)).
			Limit(fewTexts+1).Scan(ctx, &seqs)
	} else {
		seqs, err = s.withSequences(ctx, column.Fold(text))
	}
	if err != nil || seqs == nil || len(seqs) > fewTexts {
		return nil, err
	}
	only := make(map[int64]bool, len(seqs))
	for _, seq := range seqs {
		only[seq] = true
	}
	return only, nil
}

// withSequences asks SQLite's index for the alerts that may have the text; nil
// where it is no help.
func (s *Store) withSequences(ctx context.Context, text string) ([]int64, error) {
	all := trigram.All(text)
	if len(all) == 0 {
		return nil, nil
	}
	sample, err := s.sample.get(ctx, s)
	if err != nil || sample.Share(text) >= commonText {
		return nil, err
	}
	rarest := sample.Rarest(text)
	seqs, err := s.match(ctx, rarest)
	if err == nil && len(seqs) > fewTexts && len(rarest) < len(all) {
		seqs, err = s.match(ctx, all)
	}
	return seqs, err
}

// match returns the alerts whose text has all the sequences, never nil.
func (s *Store) match(ctx context.Context, sequences []string) ([]int64, error) {
	seqs := []int64{}
	err := s.read.NewSelect().Table("alert_text").ColumnExpr("rowid").Where("alert_text MATCH ?", trigram.Query(sequences)).
		Limit(fewTexts+1).Scan(ctx, &seqs)
	return seqs, err
}

// textSample keeps a sample of the texts of alerts.
type textSample struct {
	mu     sync.Mutex // guards the rest
	sample *trigram.Sample
	taken  time.Time
}

// get returns the sample, which it takes anew from time to time.
func (t *textSample) get(ctx context.Context, s *Store) (*trigram.Sample, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sample != nil && time.Since(t.taken) < sampleAge {
		return t.sample, nil
	}
	texts, err := s.someTexts(ctx)
	if err != nil {
		return nil, err
	}
	t.sample, t.taken = trigram.NewSample(texts), time.Now()
	return t.sample, nil
}

// someTexts returns texts of alerts that were stored in about equal distances.
func (s *Store) someTexts(ctx context.Context) ([]string, error) {
	var first, last int64
	if err := s.read.NewSelect().Model((*searchRow)(nil)).ColumnExpr("COALESCE(MIN(seq), 0), COALESCE(MAX(seq), 0)").Scan(ctx, &first, &last); err != nil {
		return nil, err
	}
	n := min(last-first+1, sampledTexts)
	seqs := make([]int64, n)
	for i := range n {
		seqs[i] = first + i*(last-first)/max(1, n-1)
	}
	var texts []string
	err := s.read.NewSelect().Model((*searchRow)(nil)).Column("search").Where("seq IN (?)", bun.List(seqs)).Scan(ctx, &texts)
	return texts, err
}

// verify returns those of the alerts whose text matches the pattern, in their
// order.
func (s *Store) verify(ctx context.Context, seqs []int64, pattern string) ([]int64, error) {
	matching := make(map[int64]bool)
	for chunk := range slices.Chunk(seqs, textsPerStatement) {
		var some []int64
		err := s.read.NewSelect().Table("alert_search").Column("seq").
			Where("seq IN (?)", bun.List(chunk)).Where("search LIKE ? ESCAPE '!'", pattern).Scan(ctx, &some)
		if err != nil {
			return nil, err
		}
		for _, seq := range some {
			matching[seq] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(seqs), func(seq int64) bool { return !matching[seq] }), nil
}

// newestWithText returns those whose text matches of the newest alerts that
// pass the filter, and whether there are more than it has looked at.
func (s *Store) newestWithText(ctx context.Context, f facet.Filter, pattern string) (only map[int64]bool, more bool, err error) {
	hits, err := s.choose(ctx, f, store.NewestFirst, nil, maxCounted+1)
	if err != nil {
		return nil, false, err
	}
	if more = len(hits) > maxCounted; more {
		hits = hits[:maxCounted]
	}
	seqs, err := s.verify(ctx, seqsOf(hits), pattern)
	if err != nil {
		return nil, false, err
	}
	only = make(map[int64]bool, len(seqs))
	for _, seq := range seqs {
		only[seq] = true
	}
	return only, more, nil
}
