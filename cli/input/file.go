package input

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/zstd"
)

const (
	bufferSize = 256 << 10
	// MaxLine bounds a line, in bytes; of a longer one only the beginning is
	// handed out.
	MaxLine = 4 << 20
	// maxWindow bounds the memory that a zstd file can ask for.
	maxWindow = 128 << 20
)

// Stdin is the name under which standard input is asked for.
const Stdin = "-"

// File is one input. It is for one goroutine, but for Read.
type File struct {
	Name     string
	Size     int64     // bytes on disk; zero when unknown
	Modified time.Time // zero when unknown

	counted *counter
	lines   *bufio.Reader
	closers []func() error
	long    []byte // a line longer than the buffer
}

// Line is one line of a File.
type Line struct {
	Text   []byte // without the newline; valid until the next call
	Number int    // from 1
	Cut    bool   // longer than MaxLine
}

// Open opens a file, or stdin for the name "-", and recognises gzip and zstd
// by their first bytes.
func Open(name string, stdin io.Reader) (*File, error) {
	if name == Stdin {
		return newFile(&File{Name: "standard input"}, stdin)
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a directory: name the log files in it", name)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	f := &File{Name: name, Modified: info.ModTime(), closers: []func() error{file.Close}}
	if info.Mode().IsRegular() {
		f.Size = info.Size()
	}
	return newFile(f, file)
}

func newFile(f *File, r io.Reader) (*File, error) {
	f.counted = &counter{r: r}
	raw := bufio.NewReaderSize(f.counted, bufferSize)
	plain, err := f.decompress(raw)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("read %s: %w", f.Name, err)
	}
	f.lines = raw
	if plain != io.Reader(raw) {
		f.lines = bufio.NewReaderSize(plain, bufferSize)
	}
	return f, nil
}

// Magic bytes: RFC 1952 §2.3.1 and RFC 8878 §3.1.1.
var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

func (f *File) decompress(raw *bufio.Reader) (io.Reader, error) {
	head, _ := raw.Peek(len(zstdMagic)) // a short file is a plain one
	switch {
	case bytes.HasPrefix(head, gzipMagic):
		return gzip.NewReader(raw)
	case bytes.Equal(head, zstdMagic):
		d, err := zstd.NewReader(raw, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		f.closers = append(f.closers, func() error { d.Close(); return nil })
		return d, nil
	}
	return raw, nil
}

// Read returns how many bytes of the file on disk have been read so far. Safe
// for concurrent use.
func (f *File) Read() int64 { return f.counted.n.Load() }

// Lines calls each for every line until one returns an error, which it
// returns, or the input ends. An error of the input itself names it.
func (f *File) Lines(each func(Line) error) error {
	for number := 1; ; number++ {
		text, cut, err := f.next()
		if len(text) > 0 || err == nil {
			if err := each(Line{Text: bytes.TrimSuffix(text, []byte("\r")), Number: number, Cut: cut}); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read %s after line %d: %w", f.Name, number, err)
		}
	}
}

// next returns the next line without its newline; with the last one may come
// io.EOF.
func (f *File) next() (text []byte, cut bool, err error) {
	text, err = f.lines.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return bytes.TrimSuffix(text, []byte("\n")), false, err
	}
	f.long = append(f.long[:0], text...)
	for errors.Is(err, bufio.ErrBufferFull) {
		text, err = f.lines.ReadSlice('\n')
		if room := MaxLine - len(f.long); len(text) > room {
			text, cut = text[:room], true
		}
		f.long = append(f.long, text...)
	}
	return bytes.TrimSuffix(f.long, []byte("\n")), cut, err
}

// Close releases the file.
func (f *File) Close() error {
	var errs []error
	for i := len(f.closers) - 1; i >= 0; i-- {
		errs = append(errs, f.closers[i]())
	}
	f.closers = nil
	return errors.Join(errs...)
}

// counter counts what is read through it.
type counter struct {
	r io.Reader
	n atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}
