package baseline

import "hash/fnv"

// Turn returns for [Config] which files are read on turn: each in one of turns
// consecutive verifications, whatever their number is when it begins. With
// fewer than two turns it is every file in each.
func Turn(number uint64, turns uint32) func(path string) bool {
	turns = max(turns, 1)
	now := uint32(number % uint64(turns))
	return func(path string) bool {
		h := fnv.New32a()
		_, _ = h.Write([]byte(path)) // never fails
		return h.Sum32()%turns == now
	}
}
