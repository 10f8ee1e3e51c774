package parquetfile

import (
	"errors"
	"fmt"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// Version of the schema, in the metadata of every file under [versionKey].
// Within a version columns are only added; a column that a file does not have
// reads as null.
const (
	version    = "1"
	versionKey = "holdfast.telemetry.version"
)

var errBootID = errors.New("boot id is not 16 hex digits")

// schema is the layout of every segment.
type schema struct {
	parquet   *parquet.Schema
	events    []column[eventRow]
	processes []column[processRow]
	leaves    int
}

// groups are the groups that are not always there; all others are.
var groups = map[string]func(parquet.Node) parquet.Node{
	"event": parquet.Optional, "process": parquet.Optional,
	"event.user": parquet.Optional, "event.group": parquet.Optional, "event.file": parquet.Optional, "event.logon": parquet.Optional,
	"event.network": parquet.Optional, "event.kernel": parquet.Optional, "event.exit": parquet.Optional,
	"event.records": parquet.Repeated, "event.records.fields": parquet.Repeated,
	"process.file": parquet.Optional, "process.effective_user": parquet.Optional, "process.login_user": parquet.Optional,
	"process.container": parquet.Optional, "process.descriptors": parquet.Repeated,
}

// layout is the one schema of this build. It is not changed.
var layout = newSchema()

func newSchema() *schema {
	s := &schema{events: eventColumns(), processes: processColumns()}
	root := parquet.Group{}
	for _, c := range s.events {
		add(root, "", c.path, c.node)
	}
	for _, c := range s.processes {
		add(root, "", c.path, c.node)
	}
	s.parquet = parquet.NewSchema("holdfast_telemetry", finished(root, ""))
	s.leaves = len(s.parquet.Columns())
	for i := range s.events {
		s.events[i].index = s.index(s.events[i].path)
	}
	for i := range s.processes {
		s.processes[i].index = s.index(s.processes[i].path)
	}
	return s
}

// add puts a leaf into the tree of groups.
func add(g parquet.Group, above, path string, node parquet.Node) {
	name, rest, more := strings.Cut(path, ".")
	if !more {
		g[name] = node
		return
	}
	if g[name] == nil {
		g[name] = parquet.Group{}
	}
	add(g[name].(parquet.Group), above+name+".", rest, node)
}

// finished gives the groups of a tree their repetition.
func finished(g parquet.Group, above string) parquet.Node {
	done := parquet.Group{}
	for name, node := range g {
		if sub, ok := node.(parquet.Group); ok {
			node = finished(sub, above+name+".")
			if wrap := groups[above+name]; wrap != nil {
				node = wrap(node)
			}
		}
		done[name] = node
	}
	return done
}

func (s *schema) index(path string) int {
	leaf, ok := s.parquet.Lookup(strings.Split(path, ".")...)
	if !ok {
		panic(fmt.Sprintf("the schema has no column %q", path))
	}
	return leaf.ColumnIndex
}

// Rows are written in pages that all columns cut at the same rows, and in row
// groups that hold rows of one kind.
const (
	PageRows  = 8 << 10 // rows of a page
	groupRows = 64 << 10
	// groupBytes is what rows of a row group take in memory at most, give or
	// take those of an event: what a host sends may be large and repeat, so that
	// files tell nothing of it. 64 Ki usual events and their images take less.
	groupBytes = 96 << 20
)

// writerOptions are those of every segment.
func writerOptions(s *schema) []parquet.WriterOption {
	options := []parquet.WriterOption{
		s.parquet,
		parquet.Compression(&zstd.Codec{Level: zstd.SpeedDefault}),
		parquet.PageBufferSize(32 << 10), // what buffers begin with: pages are cut by rows
		parquet.MaxRowsPerRowGroup(1 << 30),
		parquet.CreatedBy("holdfast", version, ""),
		parquet.KeyValueMetadata(versionKey, version),
		parquet.ColumnIndexSizeLimit(func([]string) int { return 64 }), // a host's id whole
		parquet.BloomFilters(parquet.SplitBlockFilter(8, "process", "start")),
	}
	for _, c := range s.events {
		if c.noStats {
			options = append(options, parquet.SkipPageBounds(strings.Split(c.path, ".")...))
		}
	}
	for _, c := range s.processes {
		if c.noStats {
			options = append(options, parquet.SkipPageBounds(strings.Split(c.path, ".")...))
		}
	}
	return options
}

// Names of the columns that queries look into.
var (
	colHost     = layout.index("device.uid")
	colTime     = layout.index("event.time")
	colSequence = layout.index("event.sequence")
	colClass    = layout.index("event.class_uid")
	colProcess  = layout.index("event.process")
	colTarget   = layout.index("event.target_process")
	colImage    = layout.index("process.image")
	colParent   = layout.index("process.parent")
	colStart    = layout.index("process.start")
	colBoot     = layout.index("process.boot_id")
	colPID      = layout.index("process.pid")
)
