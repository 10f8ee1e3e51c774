package rule

import "fmt"

// Control is a line of a rule file that is not a rule.
type Control struct {
	Verb  Verb
	Value uint32 // of verbs that take a number
	Text  string // the key of -D, the message of -m, the two paths of -q, the signal of --signal
}

// Verb says what a [Control] line asks for, as it is written.
type Verb string

// The control lines of auditctl(8).
const (
	DeleteAll         Verb = "-D"
	Backlog           Verb = "-b"
	Enable            Verb = "-e" // 0 off, 1 on, 2 on and immutable until the next boot
	Failure           Verb = "-f" // 0 silent, 1 printk, 2 panic
	Rate              Verb = "-r" // records per second, 0 for no limit
	Continue          Verb = "-c"
	Ignore            Verb = "-i"
	ListRules         Verb = "-l"
	ShowStatus        Verb = "-s"
	Trim              Verb = "-t"
	Equivalent        Verb = "-q"
	Message           Verb = "-m"
	WaitTime          Verb = "--backlog_wait_time"
	ResetWaitTime     Verb = "--reset_backlog_wait_time_actual"
	ResetLost         Verb = "--reset-lost"
	LoginUIDImmutable Verb = "--loginuid-immutable"
	Signal            Verb = "--signal"
)

type argument uint8

const (
	noArgument argument = iota
	numberArgument
	textArgument
	keyArgument // -k and a key may follow
)

// controls are the verbs with what follows them and the largest number.
var controls = map[Verb]struct {
	argument argument
	max      uint32
}{
	DeleteAll:         {argument: keyArgument},
	Backlog:           {argument: numberArgument, max: 1<<32 - 1},
	Enable:            {argument: numberArgument, max: 2},
	Failure:           {argument: numberArgument, max: 2},
	Rate:              {argument: numberArgument, max: 1<<32 - 1},
	Continue:          {},
	Ignore:            {},
	ListRules:         {argument: keyArgument},
	ShowStatus:        {},
	Trim:              {},
	Equivalent:        {argument: textArgument},
	Message:           {argument: textArgument},
	WaitTime:          {argument: numberArgument, max: 1<<32 - 1},
	ResetWaitTime:     {},
	ResetLost:         {},
	LoginUIDImmutable: {},
	Signal:            {argument: textArgument},
}

// String returns the line as auditctl(8) takes it.
func (c Control) String() string {
	switch kind := controls[c.Verb]; {
	case kind.argument == numberArgument:
		return fmt.Sprintf("%s %d", c.Verb, c.Value)
	case kind.argument == textArgument:
		return string(c.Verb) + " " + quote(c.Text)
	case kind.argument == keyArgument && c.Text != "":
		return string(c.Verb) + " -k " + quote(c.Text)
	}
	return string(c.Verb)
}

// parseControl reads the words of a line that begins with a control verb.
func parseControl(verb Verb, words []string) (Rule, error) {
	kind := controls[verb]
	control := &Control{Verb: verb}
	switch kind.argument {
	case numberArgument:
		if len(words) == 0 {
			return Rule{}, fmt.Errorf("%s lacks its number; write %s N", verb, verb)
		}
		value, err := parseUint(words[0])
		if err != nil || value > kind.max {
			return Rule{}, fmt.Errorf("%s %s is not possible; write a number from 0 to %d", verb, quote(words[0]), kind.max)
		}
		control.Value, words = value, words[1:]
	case textArgument:
		if len(words) == 0 {
			return Rule{}, fmt.Errorf("%s lacks its argument", verb)
		}
		control.Text, words = words[0], words[1:]
	case keyArgument:
		if len(words) >= 2 && words[0] == "-k" {
			control.Text, words = words[1], words[2:]
		}
	}
	if len(words) > 0 {
		return Rule{}, fmt.Errorf("%s is too much after %s; write it on a line of its own", quote(words[0]), verb)
	}
	return Rule{Control: control}, nil
}
