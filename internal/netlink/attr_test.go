package netlink_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"syscall"
	"testing"

	"github.com/holdfast-security/holdfast/internal/netlink"
)

func TestAttributesReadBack(t *testing.T) {
	data := netlink.AppendAttr(nil, 1, []byte("abc"))
	data = netlink.AppendAttrString(data, 2, "lo")
	data = netlink.AppendAttrUint8(data, 3, 7)
	data = netlink.AppendAttrUint16(data, 4, 0x1234)
	data = netlink.AppendAttrUint32(data, 5, 0x12345678)
	data = netlink.AppendAttrBigUint16(data, 6, 443)
	data = netlink.AppendAttrBigUint32(data, 7, 0x7f000001)
	data = netlink.AppendNested(data, 8, func(b []byte) []byte { return netlink.AppendAttrUint32(b, 1, 42) })

	seen := 0
	a := netlink.NewAttrs(data)
	for a.Next() {
		seen++
		ok := false
		switch a.Type() {
		case 1:
			ok = string(a.Data()) == "abc"
		case 2:
			ok = a.Text() == "lo"
		case 3:
			ok = a.Uint8() == 7
		case 4:
			ok = a.Uint16() == 0x1234
		case 5:
			ok = a.Uint32() == 0x12345678
		case 6:
			ok = a.BigUint16() == 443
		case 7:
			ok = a.BigUint32() == 0x7f000001
		case 8:
			inner := a.Nested()
			ok = inner.Next() && inner.Uint32() == 42 && !inner.Next() && inner.Err() == nil
		}
		if !ok {
			t.Errorf("attribute %d read back as % x", a.Type(), a.Data())
		}
	}
	if a.Err() != nil || seen != 8 {
		t.Errorf("read %d of 8 attributes, error %v", seen, a.Err())
	}
}

func TestShortPayloadsAreZero(t *testing.T) {
	a := netlink.NewAttrs(netlink.AppendAttr(nil, 1, nil))
	if !a.Next() {
		t.Fatal("no attribute")
	}
	sum := uint64(a.Uint8()) + uint64(a.Uint16()) + uint64(a.Uint32()) + a.Uint64() +
		uint64(a.BigUint16()) + uint64(a.BigUint32()) + a.BigUint64()
	if sum != 0 || a.Text() != "" {
		t.Errorf("an empty payload reads as %d, %q", sum, a.Text())
	}
}

func TestBrokenLengthsAreRefused(t *testing.T) {
	for name, data := range map[string][]byte{
		"half a header":   {8, 0},
		"length too long": {9, 0, 1, 0, 1, 2, 3, 4},
		"length too low":  {3, 0, 1, 0},
	} {
		a := netlink.NewAttrs(data)
		for a.Next() {
		}
		if !errors.Is(a.Err(), netlink.ErrMalformed) {
			t.Errorf("%s: error %v", name, a.Err())
		}
		if _, _, err := netlink.Next(data); !errors.Is(err, netlink.ErrMalformed) {
			t.Errorf("%s: as a message: error %v", name, err)
		}
	}
}

func TestExtendedAcknowledgement(t *testing.T) {
	request := make([]byte, 16)
	binary.NativeEndian.PutUint32(request, 20)
	code := int32(-int32(syscall.EINVAL))
	head := binary.NativeEndian.AppendUint32(nil, uint32(code))
	attrs := netlink.AppendAttrUint32(netlink.AppendAttrString(nil, 1, "bad table"), 2, 36)
	for name, tc := range map[string]struct {
		flags uint16
		data  []byte
	}{
		"capped":       {netlink.FlagCapped | netlink.FlagExtendedAck, bytes.Join([][]byte{head, request, attrs}, nil)},
		"with request": {netlink.FlagExtendedAck, bytes.Join([][]byte{head, request, {1, 2, 3, 4}, attrs}, nil)},
	} {
		err := netlink.Message{Type: netlink.TypeError, Flags: tc.flags, Data: tc.data}.Err()
		var e *netlink.Error
		if !errors.As(err, &e) || !errors.Is(err, syscall.EINVAL) || e.Text != "bad table" || e.Offset != 36 {
			t.Errorf("%s: got %#v", name, err)
		}
	}
	if err := (netlink.Message{Type: netlink.TypeError, Data: make([]byte, 20)}).Err(); err != nil {
		t.Errorf("an acknowledgement reads as %v", err)
	}
}

func FuzzDatagram(f *testing.F) {
	f.Add(netlink.AppendAttrString(nil, 1, "x"))
	f.Add([]byte{20, 0, 0, 0, 2, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0xea, 0xff, 0xff, 0xff})
	f.Add([]byte{17, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		for rest := data; len(rest) > 0; {
			m, next, err := netlink.Next(rest)
			if err != nil {
				break
			}
			if len(next) >= len(rest) {
				t.Fatal("no progress")
			}
			_ = m.Err()
			rest = next
		}
		a := netlink.NewAttrs(data)
		for a.Next() {
			_ = a.Text()
		}
	})
}

func BenchmarkAttrs(b *testing.B) {
	var data []byte
	for i := range uint16(20) {
		data = netlink.AppendAttrUint32(data, i, uint32(i))
	}
	b.ReportAllocs()
	for b.Loop() {
		a := netlink.NewAttrs(data)
		for a.Next() {
			_ = a.Uint32()
		}
	}
}
