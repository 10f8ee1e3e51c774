package netsense

import (
	"net/netip"

	"github.com/holdfast-security/holdfast/internal/netlink"
)

// Numbers of linux/netfilter/nfnetlink.h, nfnetlink_compat.h and
// nfnetlink_conntrack.h.
const (
	ctSubsystem = 1 // NFNL_SUBSYS_CTNETLINK, high byte of the message type
	ctMsgNew    = 0 // IPCTNL_MSG_CT_NEW
	ctMsgDelete = 2 // IPCTNL_MSG_CT_DELETE
	nfgenmsgLen = 4 // struct nfgenmsg

	groupConntrackNew     = 1 // NFNLGRP_CONNTRACK_NEW
	groupConntrackDestroy = 3 // NFNLGRP_CONNTRACK_DESTROY

	ctaTupleOrig     = 1
	ctaCountersOrig  = 9
	ctaCountersReply = 10
	ctaTupleIP       = 1
	ctaTupleProto    = 2
	ctaIPv4Src       = 1
	ctaIPv4Dst       = 2
	ctaIPv6Src       = 3
	ctaIPv6Dst       = 4
	ctaProtoNum      = 1
	ctaProtoSrcPort  = 2
	ctaProtoDstPort  = 3
	ctaCounterBytes  = 2
)

// flow is a tracked connection in its original direction: from who began it.
type flow struct {
	proto    uint8
	src, dst netip.AddrPort
	ended    bool
	bytesSrc uint64 // sent by src; zero unless the host counts (nf_conntrack_acct)
	bytesDst uint64
}

// parseConntrack reads a message of conntrack. ok is false for what is not
// about the begin or end of a TCP or UDP flow.
func parseConntrack(m netlink.Message) (f flow, ok bool, err error) {
	if m.Type>>8 != ctSubsystem || (m.Type&0xff != ctMsgNew && m.Type&0xff != ctMsgDelete) {
		return flow{}, false, nil
	}
	if len(m.Data) < nfgenmsgLen {
		return flow{}, false, errShort
	}
	f.ended = m.Type&0xff == ctMsgDelete
	a := netlink.NewAttrs(m.Data[nfgenmsgLen:])
	for a.Next() {
		switch a.Type() {
		case ctaTupleOrig:
			if err := f.tuple(a.Nested()); err != nil {
				return flow{}, false, err
			}
		case ctaCountersOrig:
			f.bytesSrc = counterBytes(a.Nested())
		case ctaCountersReply:
			f.bytesDst = counterBytes(a.Nested())
		}
	}
	if err := a.Err(); err != nil {
		return flow{}, false, err
	}
	return f, (f.proto == protoTCP || f.proto == protoUDP) && f.src.Addr().IsValid() && f.dst.Addr().IsValid(), nil
}

func (f *flow) tuple(a netlink.Attrs) error {
	var src, dst netip.Addr
	var srcPort, dstPort uint16
	for a.Next() {
		inner := a.Nested()
		switch a.Type() {
		case ctaTupleIP:
			for inner.Next() {
				addr, ok := netip.AddrFromSlice(inner.Data())
				if !ok {
					return errShort
				}
				switch inner.Type() {
				case ctaIPv4Src, ctaIPv6Src:
					src = addr
				case ctaIPv4Dst, ctaIPv6Dst:
					dst = addr
				}
			}
		case ctaTupleProto:
			for inner.Next() {
				switch inner.Type() {
				case ctaProtoNum:
					f.proto = inner.Uint8()
				case ctaProtoSrcPort:
					srcPort = inner.BigUint16()
				case ctaProtoDstPort:
					dstPort = inner.BigUint16()
				}
			}
		}
		if err := inner.Err(); err != nil {
			return err
		}
	}
	f.src, f.dst = netip.AddrPortFrom(src, srcPort), netip.AddrPortFrom(dst, dstPort)
	return a.Err()
}

func counterBytes(a netlink.Attrs) uint64 {
	for a.Next() {
		if a.Type() == ctaCounterBytes {
			return a.BigUint64()
		}
	}
	return 0
}
