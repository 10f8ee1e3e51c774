package wire

// The content of a frame is one batch in CBOR (RFC 8949). Maps have small
// integers as keys; what is zero is left out, and unknown keys are skipped, so
// that parts can be added within a protocol version. A key is never given
// another meaning.
//
// Everything that repeats stands once and is referred to by number. A text is
// a number into the batch's texts, 0 being "" and 1 the first. Files and
// processes are referred to in the same way, 0 being none. A process may only
// name one before it as its parent, so that no cycle can be written.

// batch is the content of a frame.
type batch struct {
	Base      int64        `cbor:"1,keyasint,omitempty"` // times are relative to it: nanoseconds since 1970
	Lengths   []uint32     `cbor:"2,keyasint,omitempty"` // of the texts, in bytes
	Text      []byte       `cbor:"3,keyasint,omitempty"` // the texts, one behind the other
	Files     []file       `cbor:"4,keyasint,omitempty"`
	Processes []process    `cbor:"5,keyasint,omitempty"`
	Events    []occurrence `cbor:"6,keyasint,omitempty"`
}

type (
	// text, fileRef and processRef are numbers into the lists of the batch,
	// from 1; 0 means none.
	text       = uint32
	fileRef    = uint32
	processRef = uint32

	// moment is a time: 0 for the zero time; otherwise the nanoseconds since
	// the batch's base, plus one where they are not negative.
	moment = int64

	// account is a user or group id plus one; 0 for none.
	account = uint64
)

type file struct {
	Path      text   `cbor:"1,keyasint,omitempty"`
	NewPath   text   `cbor:"2,keyasint,omitempty"`
	SHA256    text   `cbor:"3,keyasint,omitempty"`
	Package   text   `cbor:"4,keyasint,omitempty"`
	Size      int64  `cbor:"5,keyasint,omitempty"`
	Mode      uint32 `cbor:"6,keyasint,omitempty"`
	UID       uint32 `cbor:"7,keyasint,omitempty"`
	Inode     uint64 `cbor:"8,keyasint,omitempty"`
	Device    uint64 `cbor:"9,keyasint,omitempty"`
	Changed   moment `cbor:"10,keyasint,omitempty"`
	Kind      text   `cbor:"11,keyasint,omitempty"`
	Owned     text   `cbor:"12,keyasint,omitempty"`
	Truncated bool   `cbor:"13,keyasint,omitempty"`
}

type process struct {
	Boot      text       `cbor:"1,keyasint,omitempty"` // the 8 bytes of the boot id
	UIDPID    uint32     `cbor:"2,keyasint,omitempty"` // of the process uid, where it is not PID
	UIDStart  uint64     `cbor:"3,keyasint,omitempty"`
	PID       uint32     `cbor:"4,keyasint,omitempty"`
	Parent    processRef `cbor:"5,keyasint,omitempty"`
	PPID      uint32     `cbor:"6,keyasint,omitempty"`
	Name      text       `cbor:"7,keyasint,omitempty"`
	Exe       fileRef    `cbor:"8,keyasint,omitempty"`
	Line      text       `cbor:"9,keyasint,omitempty"`
	Args      []text     `cbor:"10,keyasint,omitempty"`
	Truncated bool       `cbor:"11,keyasint,omitempty"`
	Directory text       `cbor:"12,keyasint,omitempty"`
	Script    text       `cbor:"13,keyasint,omitempty"`
	Started   moment     `cbor:"14,keyasint,omitempty"`
	Executed  moment     `cbor:"15,keyasint,omitempty"`

	User          uint32  `cbor:"16,keyasint,omitempty"` // the id itself
	UserName      text    `cbor:"17,keyasint,omitempty"`
	Effective     account `cbor:"18,keyasint,omitempty"`
	EffectiveName text    `cbor:"19,keyasint,omitempty"`
	Login         account `cbor:"20,keyasint,omitempty"`
	LoginName     text    `cbor:"21,keyasint,omitempty"`
	Session       uint32  `cbor:"22,keyasint,omitempty"`
	Terminal      text    `cbor:"23,keyasint,omitempty"`

	EntryKind    text `cbor:"24,keyasint,omitempty"`
	EntryAddress text `cbor:"25,keyasint,omitempty"`
	EntryUser    text `cbor:"26,keyasint,omitempty"`
	EntryUnit    text `cbor:"27,keyasint,omitempty"`

	Container   []text  `cbor:"28,keyasint,omitempty"` // id, runtime, name, image
	Descriptors []int64 `cbor:"29,keyasint,omitempty"` // three numbers each: descriptor, kind (text), target (text)
	Environment []text  `cbor:"30,keyasint,omitempty"`
}

// occurrence is an event.
type occurrence struct {
	Time     moment  `cbor:"1,keyasint,omitempty"`
	Class    uint16  `cbor:"2,keyasint,omitempty"`
	Activity uint8   `cbor:"3,keyasint,omitempty"`
	Status   uint8   `cbor:"4,keyasint,omitempty"`
	Source   text    `cbor:"5,keyasint,omitempty"`
	Host     text    `cbor:"6,keyasint,omitempty"`
	Serial   uint64  `cbor:"7,keyasint,omitempty"`
	Count    uint32  `cbor:"8,keyasint,omitempty"`
	Last     moment  `cbor:"9,keyasint,omitempty"`
	Key      text    `cbor:"10,keyasint,omitempty"`
	Message  text    `cbor:"11,keyasint,omitempty"`
	User     account `cbor:"12,keyasint,omitempty"`
	UserName text    `cbor:"13,keyasint,omitempty"`
	Group    account `cbor:"14,keyasint,omitempty"`

	GroupName text       `cbor:"15,keyasint,omitempty"`
	Process   processRef `cbor:"16,keyasint,omitempty"`
	Target    processRef `cbor:"17,keyasint,omitempty"`
	File      fileRef    `cbor:"18,keyasint,omitempty"`
	Logon     *logon     `cbor:"19,keyasint,omitempty"`
	Network   *network   `cbor:"20,keyasint,omitempty"`
	Kernel    *kernel    `cbor:"21,keyasint,omitempty"`
	Exit      *exit      `cbor:"22,keyasint,omitempty"`
	Records   []text     `cbor:"23,keyasint,omitempty"` // for each: type, number of fields (itself, no text), and a name and a value for each
}

type logon struct {
	Service  text   `cbor:"1,keyasint,omitempty"`
	Method   text   `cbor:"2,keyasint,omitempty"`
	Address  text   `cbor:"3,keyasint,omitempty"` // 4 or 16 bytes, and the zone
	Port     uint16 `cbor:"4,keyasint,omitempty"`
	Hostname text   `cbor:"5,keyasint,omitempty"`
	Terminal text   `cbor:"6,keyasint,omitempty"`
	Invalid  bool   `cbor:"7,keyasint,omitempty"`
	Command  text   `cbor:"8,keyasint,omitempty"`
}

type network struct {
	Protocol   text   `cbor:"1,keyasint,omitempty"`
	Direction  text   `cbor:"2,keyasint,omitempty"`
	Local      text   `cbor:"3,keyasint,omitempty"`
	LocalPort  uint16 `cbor:"4,keyasint,omitempty"`
	Remote     text   `cbor:"5,keyasint,omitempty"`
	RemotePort uint16 `cbor:"6,keyasint,omitempty"`
	Inode      uint64 `cbor:"7,keyasint,omitempty"`
	BytesSent  uint64 `cbor:"8,keyasint,omitempty"`
	BytesRecv  uint64 `cbor:"9,keyasint,omitempty"`
}

type kernel struct {
	Name         text   `cbor:"1,keyasint,omitempty"`
	Type         text   `cbor:"2,keyasint,omitempty"`
	Syscall      text   `cbor:"3,keyasint,omitempty"`
	Source       text   `cbor:"4,keyasint,omitempty"`
	Arguments    []text `cbor:"5,keyasint,omitempty"`
	Request      text   `cbor:"6,keyasint,omitempty"`
	Adjusted     int64  `cbor:"7,keyasint,omitempty"` // nanoseconds
	Capabilities []text `cbor:"8,keyasint,omitempty"`
}

type exit struct {
	Code   int64 `cbor:"1,keyasint,omitempty"`
	Signal text  `cbor:"2,keyasint,omitempty"`
}

// Bounds of a batch, besides those of the frame. A few bytes of CBOR become
// hundreds in memory; these keep a hostile frame from filling it, and are far
// above what events of a host need.
const (
	maxList      = 1 << 16 // elements in any one list
	maxListed    = 1 << 18 // texts named by all lists of a batch together
	maxNesting   = 6
	maxPairs     = 64 // in a map
	maxTimestamp = 1<<62 - 1
)
