package spool

import (
	"encoding/binary"
	"encoding/hex"
	"os"
	"strings"
)

// bootID names this run of the machine, proc(5): it changes when the machine
// starts. Zero means unknown.
func bootID() uint64 {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return 0
	}
	id, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(string(text)), "-", ""))
	if err != nil || len(id) < 8 {
		return 0
	}
	return binary.BigEndian.Uint64(id)
}
