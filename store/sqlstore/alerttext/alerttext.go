// Package alerttext searches the texts of alerts: what people see of one in a
// list, folded to lower case. Both databases have an index of three-letter
// sequences; PostgreSQL's chooses by itself what to look up, SQLite's is told
// by a sample of the texts (package trigram).
package alerttext

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"github.com/holdfast-security/holdfast/store/sqlstore/column"
	"github.com/holdfast-security/holdfast/store/sqlstore/trigram"
)

const (
	// fewTexts is up to how many alerts that may have a text are looked up
	// before the other filters. With more, the index does not help.
	fewTexts = 20_000
	// commonText is the share of alerts from which on it is faster to read
	// texts in the order of the list until a page is full.
	commonText = 0.02
	// sampledTexts and sampleAge are the size of the sample of texts and how
	// long it is used. One that is smaller is of few texts, to which others
	// come soon, and is quickly taken.
	sampledTexts = 1000
	sampleAge    = 10 * time.Minute
	smallAge     = 10 * time.Second
)

// TextsPerStatement is how many texts [Index.Matching] reads at once.
const TextsPerStatement = 1000

// Row is what is searched of an alert, a row of alert_search. Search is text
// from [column.Fold].
type Row struct {
	bun.BaseModel `bun:"table:alert_search,alias:t"`

	Seq    int64 `bun:",pk"`
	Search string
}

// indexRow is a row of alert_text, SQLite's index of it.
type indexRow struct {
	bun.BaseModel `bun:"table:alert_text"`

	RowID  int64 `bun:"rowid"`
	Search string
}

// Index searches in one database. Make it with [New]; it is safe for
// concurrent use.
type Index struct {
	read     bun.IDB
	postgres bool

	mu     sync.Mutex // guards the rest
	sample *trigram.Sample
	until  time.Time // is it used
}

// New returns the index that is in a database.
func New(read bun.IDB, postgres bool) *Index { return &Index{read: read, postgres: postgres} }

// Warm takes the sample, so that the first search need not.
func (x *Index) Warm(ctx context.Context) error {
	if x.postgres {
		return nil
	}
	_, err := x.known(ctx)
	return err
}

// Insert adds the texts of alerts.
func (x *Index) Insert(ctx context.Context, tx bun.Tx, rows []Row) error {
	if _, err := tx.NewInsert().Model(&rows).Exec(ctx); err != nil || x.postgres {
		return err
	}
	indexed := make([]indexRow, len(rows))
	for i, r := range rows {
		indexed[i] = indexRow{RowID: r.Seq, Search: r.Search}
	}
	_, err := tx.NewInsert().Model(&indexed).Exec(ctx)
	return err
}

// Forget takes the texts of alerts out of the index. The texts themselves go
// with the alerts.
func (x *Index) Forget(ctx context.Context, tx bun.Tx, seqs []int64) error {
	if x.postgres {
		return nil
	}
	_, err := tx.NewDelete().Model((*indexRow)(nil)).Where("rowid IN (?)", bun.List(seqs)).Exec(ctx)
	return err
}

// Candidates returns the alerts that may have the text, or nil when they are
// not few. Where sure is set they do have it.
func (x *Index) Candidates(ctx context.Context, text string) (only map[int64]bool, sure bool, err error) {
	var seqs []int64
	if x.postgres {
		err = x.read.NewSelect().Model((*Row)(nil)).Column("seq").Where("search LIKE ? ESCAPE '!'", column.Contains(text)).
			Limit(fewTexts+1).Scan(ctx, &seqs)
	} else {
		seqs, err = x.withSequences(ctx, column.Fold(text))
	}
	switch {
	case err != nil || len(seqs) > fewTexts:
		return nil, false, err
	case seqs == nil && !x.postgres: // the index is no help
		return nil, false, nil
	}
	only = make(map[int64]bool, len(seqs))
	for _, seq := range seqs {
		only[seq] = true
	}
	return only, x.postgres, nil
}

// withSequences asks SQLite's index for the alerts that may have the text; nil
// where it is no help.
func (x *Index) withSequences(ctx context.Context, text string) ([]int64, error) {
	all := trigram.All(text)
	if len(all) == 0 {
		return nil, nil
	}
	sample, err := x.known(ctx)
	if err != nil || sample.Share(text) >= commonText {
		return nil, err
	}
	rarest := sample.Rarest(text)
	seqs, err := x.match(ctx, rarest)
	if err == nil && len(seqs) > fewTexts && len(rarest) < len(all) {
		seqs, err = x.match(ctx, all)
	}
	return seqs, err
}

// match returns the alerts whose text has all the sequences, never nil.
func (x *Index) match(ctx context.Context, sequences []string) ([]int64, error) {
	seqs := []int64{}
	err := x.read.NewSelect().Model((*indexRow)(nil)).Column("rowid").Where("alert_text MATCH ?", trigram.Query(sequences)).
		Limit(fewTexts+1).Scan(ctx, &seqs)
	return seqs, err
}

// known returns the sample, which it takes anew from time to time.
func (x *Index) known(ctx context.Context) (*trigram.Sample, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.sample != nil && time.Now().Before(x.until) {
		return x.sample, nil
	}
	texts, err := x.someTexts(ctx)
	if err != nil {
		return nil, err
	}
	age := smallAge
	if len(texts) == sampledTexts {
		age = sampleAge
	}
	x.sample, x.until = trigram.NewSample(texts), time.Now().Add(age)
	return x.sample, nil
}

// someTexts returns texts of alerts that were stored in about equal distances.
func (x *Index) someTexts(ctx context.Context) ([]string, error) {
	var first, last int64
	if err := x.read.NewSelect().Model((*Row)(nil)).ColumnExpr("COALESCE(MIN(seq), 0), COALESCE(MAX(seq), 0)").Scan(ctx, &first, &last); err != nil {
		return nil, err
	}
	n := min(last-first+1, sampledTexts)
	seqs := make([]int64, n)
	for i := range n {
		seqs[i] = first + i*(last-first)/max(1, n-1)
	}
	var texts []string
	err := x.read.NewSelect().Model((*Row)(nil)).Column("search").Where("seq IN (?)", bun.List(seqs)).Scan(ctx, &texts)
	return texts, err
}

// Matching returns those of the alerts that have the text, in their order.
func (x *Index) Matching(ctx context.Context, seqs []int64, text string) ([]int64, error) {
	pattern, matching := column.Contains(text), make(map[int64]bool)
	for chunk := range slices.Chunk(seqs, TextsPerStatement) {
		var some []int64
		err := x.read.NewSelect().Model((*Row)(nil)).Column("seq").
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
