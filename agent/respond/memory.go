package respond

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/holdfast-security/holdfast/internal/atomicfile"
	"github.com/holdfast-security/holdfast/internal/bounded"
	"github.com/holdfast-security/holdfast/wire"
)

const (
	remembered  = 256     // orders
	unanswered  = 512     // parts of answers that the server does not have
	maxMemory   = 8 << 20 // bytes of the file
	maxKept     = 1 << 10 // bytes kept of a detail
	memoryFile  = "orders.json"
	memoryWords = "the orders that were carried out"
)

// memory is the last orders and how they ended, and what of their answers the
// server has not acknowledged, on disk. A part of an answer is there until it
// is acknowledged or a later one of the same subject takes its place.
type memory struct {
	path string
	wake chan struct{} // holds a token when parts were added

	mu   sync.Mutex // guards what follows and the file
	kept kept
	lost uint64 // parts that found no room, or could not be kept
}

// kept is what the file holds.
type kept struct {
	Answers []wire.Result `json:"answers"` // how orders ended, oldest first
	Begun   []string      `json:"begun"`   // orders without an end
	Parts   []part        `json:"parts"`   // in the order in which they are to be sent
	Last    uint64        `json:"last"`    // number of the newest part ever
}

// part is a part of an answer.
type part struct {
	Number uint64      `json:"number"`
	Result wire.Result `json:"result"`
}

// Forget removes what is remembered of orders in stateDir. Without anything it
// does nothing.
func Forget(stateDir string) error {
	err := os.Remove(filepath.Join(stateDir, memoryFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("forget %s: %w", memoryWords, err)
	}
	return nil
}

func openMemory(dir string) (*memory, error) {
	m := &memory{path: filepath.Join(dir, memoryFile), wake: make(chan struct{}, 1)}
	data, err := bounded.ReadFile(m.path, maxMemory)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &m.kept)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s from %s: %w; remove the file to begin anew", memoryWords, m.path, err)
	}
	return m, m.force((*kept).interrupt)
}

// shorten keeps to the bounds. Ends are worth more than what came before them.
func (m *memory) shorten(k *kept) {
	if n := len(k.Answers) - remembered; n > 0 {
		k.Answers = slices.Delete(k.Answers, 0, n)
	}
	if n := len(k.Begun) - remembered; n > 0 {
		k.Begun = slices.Delete(k.Begun, 0, n)
	}
	for len(k.Parts) > unanswered {
		i := max(0, slices.IndexFunc(k.Parts, func(p part) bool { return !final(p.Result.State) }))
		k.Parts = slices.Delete(k.Parts, i, i+1)
		m.lost++
	}
}

func final(state string) bool { return state != stateAccepted && state != stateRunning }

func (m *memory) notify() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

func find(answers []wire.Result, id string) int {
	return slices.IndexFunc(answers, func(r wire.Result) bool { return r.Order == id })
}

// answer returns how an order ended.
func (m *memory) answer(id string) (wire.Result, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i := find(m.kept.Answers, id); i >= 0 {
		return m.kept.Answers[i], true
	}
	return wire.Result{}, false
}

// begin notes that an order is given. It returns when that is on disk; on an
// error the memory is as before.
func (m *memory) begin(order string) error {
	return m.change(func(k *kept) {
		k.remember(interrupted(order))
		k.Begun = append(k.Begun, order)
	})
}

// tell keeps a part of an answer until it is acknowledged. One that cannot be
// kept on disk is kept in memory all the same.
func (m *memory) tell(r wire.Result) error {
	return m.force(func(k *kept) { k.tell(clipped(r)) })
}

// end keeps how an order ended, and tells it.
func (m *memory) end(r wire.Result) error {
	return m.force(func(k *kept) { k.end(clipped(r)) })
}

// first returns the first part that is not acknowledged.
func (m *memory) first() (uint64, wire.Result, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.kept.Parts) == 0 {
		return 0, wire.Result{}, false
	}
	return m.kept.Parts[0].Number, m.kept.Parts[0].Result, true
}

// acknowledged forgets a part.
func (m *memory) acknowledged(number uint64) error {
	return m.force(func(k *kept) {
		k.Parts = slices.DeleteFunc(k.Parts, func(p part) bool { return p.Number == number })
	})
}

// losses returns how many parts were lost.
func (m *memory) losses() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lost
}

// clipped returns a result that is as long as one may be.
func clipped(r wire.Result) wire.Result {
	if len(r.Detail) > maxKept {
		r.Detail = strings.ToValidUTF8(r.Detail[:maxKept], "")
	}
	return r
}

func (k *kept) remember(r wire.Result) {
	if i := find(k.Answers, r.Order); i >= 0 {
		k.Answers[i] = r
		return
	}
	k.Answers = append(k.Answers, r)
}

func (k *kept) end(r wire.Result) {
	k.Begun = slices.DeleteFunc(k.Begun, func(id string) bool { return id == r.Order })
	k.remember(r)
	k.tell(r)
}

// interrupt ends what the agent did not come to the end of when it last ran.
func (k *kept) interrupt() {
	for _, order := range slices.Clone(k.Begun) {
		k.end(interrupted(order))
	}
}

func (k *kept) tell(r wire.Result) {
	k.Parts = slices.DeleteFunc(k.Parts, func(p part) bool { return p.Result.Order == r.Order && p.Result.Subject == r.Subject })
	k.Last++
	k.Parts = append(k.Parts, part{k.Last, r})
}

// change changes the memory, or nothing when it cannot be kept.
func (m *memory) change(how func(*kept)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	next, lost := m.changed(how), m.lost
	err := m.write(next)
	if err != nil {
		m.lost = lost
		return err
	}
	m.kept = next
	return nil
}

// force changes the memory, also when that cannot be kept.
func (m *memory) force(how func(*kept)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept = m.changed(how)
	m.notify()
	return m.write(m.kept)
}

// changed returns what the memory becomes. It needs mu.
func (m *memory) changed(how func(*kept)) kept {
	next := kept{slices.Clone(m.kept.Answers), slices.Clone(m.kept.Begun), slices.Clone(m.kept.Parts), m.kept.Last}
	how(&next)
	m.shorten(&next)
	return next
}

// write brings the memory to disk. It needs mu.
func (m *memory) write(k kept) error {
	data, err := json.Marshal(k)
	if err != nil {
		return err
	}
	return atomicfile.Write(m.path, data)
}
