// Package listing reads lists of a server part by part, for commands that show
// them whole.
package listing

import (
	"github.com/holdfast-security/holdfast/cli/usage"
	"github.com/holdfast-security/holdfast/store"
)

// pageSize is how many items of a list are asked for at a time.
const pageSize = 500

// Collect reads the parts of a list until it ends or holds limit items; zero
// means all, and less is the mistake of a person.
func Collect[T any](limit int, next func(size int, after string) (store.List[T], error)) ([]T, error) {
	if limit < 0 {
		return nil, usage.Errorf("--limit: %d is less than 0, which means all", limit)
	}
	items, after := []T{}, ""
	for {
		size := pageSize
		if limit > 0 {
			size = min(size, limit-len(items))
		}
		part, err := next(size, after)
		if err != nil {
			return nil, err
		}
		items = append(items, part.Items...)
		if part.Next == "" || limit > 0 && len(items) >= limit {
			return items, nil
		}
		after = part.Next
	}
}
