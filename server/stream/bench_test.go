package stream

import (
	"crypto/rand"
	"encoding/binary"
	"hash/crc32"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/wire"
)

// bigFrame is a frame as 500 events make one, by its size: what is in it does
// not matter to the gateway.
func bigFrame(sequence uint64) []byte {
	data := make([]byte, 20<<10)
	rand.Read(data[wire.HeaderSize:])
	copy(data, "hfev\x01\x01")
	data[8] = 1
	binary.BigEndian.PutUint64(data[16:], sequence)
	binary.BigEndian.PutUint64(data[24:], 1+(sequence-1)*500)
	binary.BigEndian.PutUint32(data[40:], 500)
	binary.BigEndian.PutUint32(data[44:], 1<<16)
	binary.BigEndian.PutUint32(data[48:], uint32(len(data)-wire.HeaderSize))
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Update(crc32.Update(0, table, data[4:52]), table, data[wire.HeaderSize:])
	binary.BigEndian.PutUint32(data[52:], sum)
	return data
}

// BenchmarkGateway is frames a second from 32 hosts that wait for each answer.
func BenchmarkGateway(b *testing.B) {
	for name, interval := range map[string]time.Duration{"synced": 0, "interval": time.Second} {
		b.Run(name, func(b *testing.B) {
			c, client := config(b)
			c.SyncInterval, c.MaxBytes = interval, 8<<30
			f := startWith(b, c, client, nil)
			const hosts = 32
			agents := make([]*agent, hosts)
			for i := range agents {
				agents[i] = f.enrol(b, i)
			}
			begin := time.Now()
			b.ResetTimer()
			var all sync.WaitGroup
			for i, a := range agents {
				all.Go(func() {
					for n := range uint64((b.N + hosts - 1 - i) / hosts) {
						a.send(b, bigFrame(n+1))
					}
				})
			}
			all.Wait()
			b.ReportMetric(float64(b.N)/time.Since(begin).Seconds(), "frames/s")
		})
	}
}

// BenchmarkConnections is 1,000 agents that connect at once over TLS, both
// ends in this process, and the memory of an idle one.
func BenchmarkConnections(b *testing.B) {
	for range b.N {
		f := start(b)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		begin := time.Now()
		const agents = 1000
		var all sync.WaitGroup
		for i := range agents {
			all.Go(func() { f.enrol(b, i) })
		}
		all.Wait()
		took := time.Since(begin)
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(took.Seconds(), "s/1000")
		b.ReportMetric(float64(after.HeapInuse+after.StackInuse-before.HeapInuse-before.StackInuse)/agents/1024, "KiB/pair")
		if n := f.Stats().Connections; n != agents {
			b.Errorf("%d connections", n)
		}
	}
}
