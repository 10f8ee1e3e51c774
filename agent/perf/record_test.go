package perf

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/holdfast-security/holdfast/event"
)

// encode makes a record as the kernel writes it.
func encode(kind uint32, misc uint16, pid uint32, at uint64, body ...any) []byte {
	out := make([]byte, headerLength)
	for _, v := range body {
		switch v := v.(type) {
		case string:
			out = append(out, v...)
			out = append(out, make([]byte, 8-len(out)%8)...)
		default:
			out, _ = binary.Append(out, binary.NativeEndian, v)
		}
	}
	out, _ = binary.Append(out, binary.NativeEndian, [2]uint32{pid, pid})
	out, _ = binary.Append(out, binary.NativeEndian, [2]uint64{at, 0})
	binary.NativeEndian.PutUint32(out, kind)
	binary.NativeEndian.PutUint16(out[4:], misc)
	binary.NativeEndian.PutUint16(out[6:], uint16(len(out)))
	return out
}

func fork(at uint64, pid, ppid, tid uint32) []byte {
	return encode(typeFork, 0, ppid, at, [4]uint32{pid, ppid, tid, ppid}, at)
}

func exit(at uint64, pid, tid uint32) []byte {
	return encode(typeExit, 0, pid, at, [4]uint32{pid, pid, tid, tid}, at)
}

func comm(at uint64, pid uint32, name string) []byte {
	return encode(typeComm, miscCommExec, pid, at, [2]uint32{pid, pid}, name)
}

func mapped(at uint64, pid uint32, prot uint32, name string) []byte {
	return encode(typeMmap2, 0, pid, at, [2]uint32{pid, pid}, [3]uint64{0x1000, 0x2000, 0}, [2]uint32{8, 1},
		[2]uint64{77, 0}, [2]uint32{prot, 2}, name)
}

func build(b *builder, records ...[]byte) []event.Event {
	var in batch
	for _, r := range records {
		in.add(r)
	}
	return b.build(&in, func(boot uint64) time.Time { return time.Unix(0, int64(boot)) })
}

func TestLifecycle(t *testing.T) {
	got := build(newBuilder(),
		mapped(40, 9, 5, "/usr/bin/true"), // another CPU's ring is read first
		fork(10, 9, 5, 9),
		fork(11, 9, 9, 12), // a thread
		comm(30, 9, "true"),
		exit(50, 9, 12),
		exit(60, 9, 9),
		encode(typeComm, 0, 9, 61, [2]uint32{9, 9}, "renamed"),
	)
	if len(got) != 3 {
		t.Fatalf("got %d events, want fork, launch, terminate", len(got))
	}
	f, l, x := got[0], got[1], got[2]
	if f.Activity != event.ProcessFork || f.Process.PID != 9 || f.Process.PPID != 5 || f.Process.UID.Start != 10 {
		t.Errorf("fork: %+v", f.Process)
	}
	if l.Activity != event.ProcessLaunch || l.Process.Name != "true" || l.Process.Path() != "/usr/bin/true" || l.Time.UnixNano() != 30 {
		t.Errorf("launch: %+v", l.Process)
	}
	if file := l.Process.Executable; file.Inode != 77 || file.Device != 0x801 {
		t.Errorf("executable: %+v", file)
	}
	if x.Activity != event.ProcessTerminate || x.Source != event.SourcePerf {
		t.Errorf("terminate: %+v", x)
	}
}

func TestLaunchWithoutMapping(t *testing.T) {
	b := newBuilder()
	if got := build(b, comm(1, 9, "a")); len(got) != 0 {
		t.Fatalf("the exec did not wait for its mapping: %d events", len(got))
	}
	if got := build(b); len(got) != 1 || got[0].Process.Name != "a" || got[0].Process.Executable != nil {
		t.Errorf("the exec was not reported after one more batch: %+v", got)
	}
	if got := build(b, comm(5, 9, "b"), comm(6, 9, "c"), mapped(7, 9, 5, "/memfd:x (deleted)")); len(got) != 2 ||
		got[0].Process.Name != "b" || got[1].Process.Executable.Kind != event.FileMemory {
		t.Errorf("two execs in a row: %+v", got)
	}
}

func TestMappings(t *testing.T) {
	cases := map[string]string{
		"//anon": "anonymous", "[heap]": "heap", "[stack]": "stack", "/memfd:a (deleted)": "memfd",
		"/dev/zero (deleted)": "shared", "/SYSV00000000 (deleted)": "shared", "/tmp/a (deleted)": "deleted",
		"/usr/lib/libc.so.6": "", "[vdso]": "", "": "",
	}
	for name, want := range cases {
		got := build(newBuilder(), mapped(1, 9, 7, name))
		switch {
		case want == "" && len(got) != 0:
			t.Errorf("%q was reported", name)
		case want != "" && (len(got) != 1 || got[0].Kernel.Type != want || got[0].Kernel.Request != "rwx"):
			t.Errorf("%q: got %+v, want type %q", name, got, want)
		}
	}
	if got := build(newBuilder(), mapped(1, 9, 3, "//anon")); len(got) != 0 {
		t.Error("a mapping that is not executable was reported")
	}
}

func TestForeignPIDsAreIgnored(t *testing.T) {
	if got := build(newBuilder(), fork(1, 0, 0, 0), exit(2, 0xffffffff, 0xffffffff), mapped(3, 0, 7, "//anon")); len(got) != 0 {
		t.Errorf("got %d events of processes that have no pid here", len(got))
	}
}

func FuzzRecord(f *testing.F) {
	f.Add(fork(1, 9, 5, 9))
	f.Add(comm(1, 9, "true"))
	f.Add(mapped(1, 9, 5, "//anon"))
	f.Add(encode(typeLost, 0, 1, 1, [2]uint64{1, 7}))
	f.Add(encode(typeBPF, 0, 1, 1, [2]uint16{1, 0}, uint32(3), uint64(0xabcdef)))
	f.Add([]byte{typeMmap2, 0, 0, 0, 0, 0, 8, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		var in batch
		in.add(data)
		b := newBuilder()
		for _, e := range b.build(&in, func(boot uint64) time.Time { return time.Unix(0, int64(boot)) }) {
			if e.Process.PID == 0 {
				t.Error("an event without a process")
			}
		}
	})
}

func BenchmarkLifecycle(b *testing.B) {
	const processes = 20
	var records [][]byte
	for i := range uint64(processes) {
		pid, at := uint32(100+i), i*1000
		records = append(records, fork(at, pid, 5, pid), comm(at+1, pid, "true"), mapped(at+2, pid, 5, "/usr/bin/true"),
			mapped(at+3, pid, 5, "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"), mapped(at+4, pid, 5, "[vdso]"),
			mapped(at+5, pid, 5, "/usr/lib/x86_64-linux-gnu/libc.so.6"), exit(at+6, pid, pid))
	}
	builder := newBuilder()
	var in batch
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		in.reset()
		for _, r := range records {
			in.add(r)
		}
		n += len(builder.build(&in, func(boot uint64) time.Time { return time.Unix(0, int64(boot)) }))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*processes), "ns/process")
}
