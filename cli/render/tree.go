package render

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/internal/termtext"
)

// A lineage deeper than maxTree shows its oldest and its newest processes;
// the middle, which a hostile process can make as long as it likes, becomes
// one line.
const (
	maxTree     = 12
	oldestShown = 3
	actorMark   = " ◂"
)

// Lineage returns a process and its ancestors as a tree, oldest first, each
// with its pid and command line. It ends with a newline, or is empty without
// a process.
func Lineage(proc *event.Process, style Style) string {
	p := &page{style: style}
	for _, l := range p.tree(proc) {
		p.line("  ", l)
	}
	return p.b.String()
}

func (p *page) tree(proc *event.Process) []string {
	chain := proc.Lineage()
	slices.Reverse(chain)
	var lines []string
	depth := 0
	branch := func() string {
		defer func() { depth++ }()
		if depth == 0 {
			return ""
		}
		return strings.Repeat("  ", depth-1) + "└ "
	}
	if first := chain; len(first) > 0 && first[0].Parent == nil && first[0].PPID != 0 {
		text := fmt.Sprintf("(%d) unknown parent", first[0].PPID)
		lines = append(lines, p.style.color(dim, branch()+text))
	}
	for i, ancestor := range chain {
		if len(chain) > maxTree && i >= oldestShown && i < len(chain)-(maxTree-oldestShown-1) {
			if i == oldestShown {
				text := fmt.Sprintf("… %d more …", len(chain)-maxTree+1)
				lines = append(lines, p.style.color(dim, branch()+text))
			}
			continue
		}
		lines = append(lines, p.treeLine(branch(), ancestor, i == len(chain)-1))
	}
	return lines
}

func (p *page) treeLine(branch string, proc *event.Process, actor bool) string {
	room := p.room() - termtext.Width(branch)
	if actor {
		room -= termtext.Width(actorMark)
	}
	label := termtext.BoundMiddle(processLabel(proc), room)
	left := room - termtext.Width(label) - 2
	command := ""
	if left > 8 {
		command = "  " + termtext.BoundMiddle(commandOf(proc), left)
	}
	if !actor {
		return p.style.color(dim, branch) + label + p.style.color(dim, strings.TrimRight(command, " "))
	}
	return p.style.color(dim, branch) + p.style.color(bold, label) + command + p.style.color(bold, actorMark)
}

// processLabel returns name(pid), the name being that of the executable.
func processLabel(proc *event.Process) string {
	name := proc.Base()
	if name == "" {
		name = "?"
	}
	return name + "(" + strconv.FormatUint(uint64(proc.PID), 10) + ")"
}

// commandOf returns the command line, or the best that is known instead.
func commandOf(proc *event.Process) string {
	switch {
	case proc.CommandLine != "":
		return proc.CommandLine
	case len(proc.Arguments) > 0:
		return strings.Join(proc.Arguments, " ")
	}
	return proc.Path()
}
