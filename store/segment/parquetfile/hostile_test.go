package parquetfile

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/internal/telemetrytest"
	"github.com/holdfast-security/holdfast/store"
	"github.com/holdfast-security/holdfast/store/segment/parquetfile/choice"
)

var anyEvent = store.EventFilter{}

// sample is a small segment with all kinds of columns in use.
func sample(t testing.TB) []byte {
	t.Helper()
	_, events := telemetrytest.New(telemetrytest.Options{Hosts: 1, Seed: 5}).Frame(60)
	var list []*event.Event
	for i := range events {
		list = append(list, &events[i])
	}
	return written(t, list...)
}

// readHostile does all that queries do with a file, which may be anything.
func readHostile(t testing.TB, data []byte) (err error) {
	defer guard(&err)
	file, err := OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	for _, f := range []store.EventFilter{
		{}, {Text: "curl"}, {User: "root"}, {Process: event.ProcessUID{PID: 1}}, {Host: "h1"}, {Classes: []event.Class{event.ClassFileActivity}},
	} {
		visit := &Visit{
			Choose: func(_ context.Context, events []event.Event, keep []bool) error {
				for i := range keep {
					keep[i] = i%2 == 0
				}
				return nil
			},
			Take: func(context.Context, []event.Event, []int64) error { return nil },
		}
		err = errors.Join(err, file.Visit(t.Context(), choice.New(f), visit))
	}
	return err
}

func TestDamagedFilesAreErrors(t *testing.T) {
	whole := sample(t)
	if err := readHostile(t, whole); err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(whole); n += 1 + len(whole)/40 {
		if err := readHostile(t, whole[:n]); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut to %d of %d bytes: error %v", n, len(whole), err)
		}
	}
	rng := rand.New(rand.NewPCG(8, 8))
	for range 150 {
		data := bytes.Clone(whole)
		for range 1 + rng.IntN(4) {
			data[rng.IntN(len(data))] ^= byte(1 + rng.IntN(255))
		}
		_ = readHostile(t, data) // an error or other events, no panic
	}
	if err := readHostile(t, []byte(strings.Repeat("PAR1", 100))); !errors.Is(err, ErrDamaged) {
		t.Errorf("rubbish: error %v", err)
	}
}

func FuzzRead(f *testing.F) {
	whole := sample(f)
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add([]byte("PAR1PAR1"))
	f.Fuzz(func(t *testing.T, data []byte) { _ = readHostile(t, data) })
}
