package indicator

// Bound sets how many entries a builder takes.
func (b *Builder) Bound(n int) { b.limit = n }
