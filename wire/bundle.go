package wire

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/fxamacker/cbor/v2"
)

// Bounds of bundles.
const (
	MaxBundle      = 8 << 20   // bytes of the content
	MaxBundleFiles = 8192      // files in it
	MaxChunk       = 256 << 10 // bytes of the content in one answer

	maxBundleName  = 32
	maxBundlePath  = 240 // bytes, so that a file can be kept anywhere
	maxBundleDepth = 16  // elements of a path
	maxFetch       = 1 << 10
)

// BundleRules is the bundle of the operator's detection rules: those that the
// server has beside Holdfast's own.
const BundleRules = "rules"

// Bundle announces a set of files for a feature: which content the set has.
// The content itself is fetched in chunks, see [FetchRequest].
type Bundle struct {
	Name   string `json:"name"`   // "rules"
	Size   int64  `json:"size"`   // bytes of the content, at most [MaxBundle]
	Digest string `json:"digest"` // SHA-256 of the content, lower-case hex
}

// Validate says what is wrong with an announcement. The error wraps
// [ErrOversized] or [ErrMalformed].
func (b Bundle) Validate() error {
	switch {
	case !validBundleName(b.Name):
		return fmt.Errorf("bundle %.40q: %w: its name is not 1 to %d lower-case letters, digits or hyphens", b.Name, ErrMalformed, maxBundleName)
	case b.Size > MaxBundle:
		return fmt.Errorf("bundle %s of %d bytes: %w: at most %d", b.Name, b.Size, ErrOversized, MaxBundle)
	case b.Size < 1:
		return fmt.Errorf("bundle %s of %d bytes: %w", b.Name, b.Size, ErrMalformed)
	case !ValidDigest(b.Digest):
		return fmt.Errorf("bundle %s: %w: its digest is not a SHA-256 in lower-case hex", b.Name, ErrMalformed)
	}
	return nil
}

func validBundleName(name string) bool {
	if name == "" || len(name) > maxBundleName {
		return false
	}
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// Digest returns the SHA-256 of a bundle's content in lower-case hex.
func Digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// ValidDigest reports whether text has the form of what [Digest] returns. Such
// a text is safe as a file name.
func ValidDigest(text string) bool {
	if len(text) != hex.EncodedLen(sha256.Size) {
		return false
	}
	for _, c := range []byte(text) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// ParseFetch reads a request of an agent; nothing at all asks for the policy.
// The error wraps [ErrOversized] or [ErrMalformed].
func ParseFetch(data []byte) (FetchRequest, error) {
	r := FetchRequest{Kind: KindPolicy}
	if len(data) > maxFetch {
		return r, fmt.Errorf("request of %d bytes: %w: at most %d", len(data), ErrOversized, maxFetch)
	}
	if len(data) == 0 {
		return r, nil
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("request: %w: %w", ErrMalformed, err)
	}
	switch {
	case r.Kind == KindPolicy:
		return FetchRequest{Kind: KindPolicy}, nil
	case r.Kind != KindBundle:
		return r, fmt.Errorf("request for a %.40q: %w", r.Kind, ErrMalformed)
	case !validBundleName(r.Name) || r.Digest != "" && !ValidDigest(r.Digest):
		return r, fmt.Errorf("request for bundle %.40q: %w: name or digest is none", r.Name, ErrMalformed)
	case r.Offset < 0 || r.Offset >= MaxBundle:
		return r, fmt.Errorf("request for bundle %s: %w: it has no byte %d", r.Name, ErrMalformed, r.Offset)
	}
	return r, nil
}

// EncodeBundle returns the content of a bundle: files by slash-separated
// relative path. The same files give the same bytes. The error wraps
// [ErrMalformed] for a path that agents would refuse, and [ErrOversized] for
// too many files or too much in them.
//
// The content is CBOR (RFC 8949, section 4.2 for the order): a map from path,
// a text, to what is in the file, a byte string.
func EncodeBundle(files map[string][]byte) ([]byte, error) {
	if err := checkBundleFiles(files); err != nil {
		return nil, err
	}
	mode, err := cbor.EncOptions{Sort: cbor.SortCoreDeterministic}.EncMode()
	if err != nil {
		panic(err) // the options are constant
	}
	content, err := mode.Marshal(files)
	if err != nil {
		return nil, fmt.Errorf("encode a bundle: %w", err)
	}
	if len(content) > MaxBundle {
		return nil, fmt.Errorf("bundle of %d bytes: %w: at most %d", len(content), ErrOversized, MaxBundle)
	}
	return content, nil
}

// DecodeBundle reads the content of a bundle, whole or not at all. The error
// wraps [ErrOversized] or [ErrMalformed]. Every path is relative, clean and
// free of what some system would take for anything but names.
func DecodeBundle(content []byte) (map[string][]byte, error) {
	if len(content) > MaxBundle {
		return nil, fmt.Errorf("bundle of %d bytes: %w: at most %d", len(content), ErrOversized, MaxBundle)
	}
	mode, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, MaxMapPairs: MaxBundleFiles, MaxNestedLevels: 4,
		IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden, UTF8: cbor.UTF8RejectInvalid,
	}.DecMode()
	if err != nil {
		panic(err) // the options are constant
	}
	var files map[string][]byte
	if err := mode.Unmarshal(content, &files); err != nil {
		var many *cbor.MaxMapPairsError
		if errors.As(err, &many) {
			return nil, fmt.Errorf("bundle: %w: more than %d files", ErrOversized, MaxBundleFiles)
		}
		return nil, fmt.Errorf("bundle: %w: %w", ErrMalformed, err)
	}
	return files, checkBundleFiles(files)
}

// checkBundleFiles reports names that cannot stand beside each other in every
// file system.
func checkBundleFiles(files map[string][]byte) error {
	if len(files) > MaxBundleFiles {
		return fmt.Errorf("bundle of %d files: %w: at most %d", len(files), ErrOversized, MaxBundleFiles)
	}
	folded := make(map[string]bool, len(files))
	for path := range files {
		if err := checkBundlePath(path); err != nil {
			return err
		}
		fold := strings.ToLower(path)
		if folded[fold] {
			return fmt.Errorf("bundle with file %.80q: %w: another differs in case only", path, ErrMalformed)
		}
		folded[fold] = true
	}
	return nil
}

func checkBundlePath(path string) error {
	reason := ""
	switch {
	case len(path) > maxBundlePath:
		reason = fmt.Sprintf("it is longer than %d bytes", maxBundlePath)
	case !fs.ValidPath(path) || path == ".":
		reason = "it is not a clean relative path"
	case strings.Count(path, "/") >= maxBundleDepth:
		reason = fmt.Sprintf("it has more than %d elements", maxBundleDepth)
	case strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == 0x7f || strings.ContainsRune(`\:*?"<>|`, r) }):
		reason = `it has a control character or one of \ : * ? " < > |`
	default:
		return nil
	}
	return fmt.Errorf("bundle with file %.80q: %w: %s", path, ErrMalformed, reason)
}
