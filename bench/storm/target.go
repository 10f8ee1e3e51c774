//go:build linux

package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
)

// exits is the code of a program that does nothing but exit_group(0), by
// GOARCH; system call numbers from asm/unistd.h.
var exits = map[string]struct {
	machine elf.Machine
	code    []byte
}{
	"amd64": {elf.EM_X86_64, []byte{
		0xb8, 0xe7, 0x00, 0x00, 0x00, // mov eax, 231 (exit_group)
		0x31, 0xff, // xor edi, edi
		0x0f, 0x05, // syscall
	}},
	"arm64": {elf.EM_AARCH64, []byte{
		0xc8, 0x0b, 0x80, 0xd2, // mov x8, #94 (exit_group)
		0x00, 0x00, 0x80, 0xd2, // mov x0, #0
		0x01, 0x00, 0x00, 0xd4, // svc #0
	}},
}

// loadAddress is where the target is mapped, above vm.mmap_min_addr.
const loadAddress = 0x400000

// target returns the ELF file: header, one program header, the code.
func target(goarch string) ([]byte, error) {
	exit, ok := exits[goarch]
	if !ok {
		return nil, fmt.Errorf("no target program for %s", goarch)
	}
	const headers = 64 + 56 // sizes of Elf64_Ehdr and Elf64_Phdr, elf(5)
	size := uint64(headers + len(exit.code))
	header := elf.Header64{
		Type: uint16(elf.ET_EXEC), Machine: uint16(exit.machine), Version: uint32(elf.EV_CURRENT),
		Entry: loadAddress + headers, Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1,
	}
	copy(header.Ident[:], elf.ELFMAG)
	header.Ident[elf.EI_CLASS] = byte(elf.ELFCLASS64)
	header.Ident[elf.EI_DATA] = byte(elf.ELFDATA2LSB)
	header.Ident[elf.EI_VERSION] = byte(elf.EV_CURRENT)
	segment := elf.Prog64{
		Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X),
		Vaddr: loadAddress, Paddr: loadAddress, Filesz: size, Memsz: size, Align: 0x1000,
	}
	var file bytes.Buffer
	for _, part := range []any{header, segment, exit.code} {
		if err := binary.Write(&file, binary.LittleEndian, part); err != nil {
			return nil, err
		}
	}
	return file.Bytes(), nil
}

// writeTarget writes the program for this machine to path, executable.
func writeTarget(path string) error {
	data, err := target(runtime.GOARCH)
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o755)
}
