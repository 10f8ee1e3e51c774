package fairqueue_test

import (
	"fmt"
	"testing"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/server/stream/fairqueue"
)

func TestFairQueue(t *testing.T) {
	q := fairqueue.New(fairqueue.Limits{HostMessages: 4, HostBytes: 100, AllBytes: 1000}, func(m []byte) int { return len(m) })
	msg := func(size int) []byte { return make([]byte, size) }
	for i := range 4 {
		if !q.Push("a", msg(1)) {
			t.Fatalf("message %d of a host is refused", i)
		}
	}
	if q.Push("a", msg(1)) {
		t.Error("more messages than a host may have")
	}
	if q.Push("b", msg(101)) {
		t.Error("more bytes than a host may have")
	}
	if !q.Push("b", msg(100)) {
		t.Error("a host is refused because of another")
	}
	order := ""
	for range 5 {
		host, m, ok := q.Pop()
		if !ok {
			t.Fatal("closed")
		}
		order += string(host)
		q.Done(host, m)
	}
	if order != "abaaa" {
		t.Errorf("order %s, want abaaa", order)
	}
	if n, size := q.Size(); n != 0 || size != 0 {
		t.Errorf("left: %d, %d bytes", n, size)
	}

	// However many flood, a latecomer finds room.
	for i := range 200 {
		for q.Push(event.HostID(fmt.Sprint("flood", i)), msg(1)) {
		}
	}
	if !q.Push("late", msg(1)) {
		t.Error("floods leave no room for others")
	}
	first, m, _ := q.Pop()
	second, m2, _ := q.Pop()
	if first == second {
		t.Error("a host has two workers")
	}
	q.Close()
	if q.Push("x", msg(1)) {
		t.Error("a closed queue takes messages")
	}
	q.Done(first, m)
	q.Done(second, m2)
	for {
		host, m, ok := q.Pop()
		if !ok {
			break
		}
		q.Done(host, m)
	}
	if n, size := q.Size(); n != 0 || size != 0 {
		t.Errorf("left after close: %d, %d bytes", n, size)
	}
}
