package page

// OrText sets the rows of out whose value in a text column fits, of the given
// rows of the page. Null fits nothing.
func (p *Page) OrText(rows []int32, fits func([]byte) bool, out []bool) {
	if p.Dict == nil {
		p.Or(rows, out, func(at int32) bool { return fits(p.Bytes(int(at))) })
		return
	}
	mask := make([]bool, p.Dict.Len())
	some := false
	for i := range mask {
		mask[i] = fits(p.Dict.Bytes(i))
		some = some || mask[i]
	}
	if some {
		p.Or(rows, out, func(at int32) bool { return mask[p.Keys[at]] })
	}
}

// Or sets the rows of out of which the value fits, which is given by its
// place.
func (p *Page) Or(rows []int32, out []bool, fits func(at int32) bool) {
	for row, at := range p.Places(rows, nil) {
		if at >= 0 && !out[row] {
			out[row] = fits(at)
		}
	}
}
