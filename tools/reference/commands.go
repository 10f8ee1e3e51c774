package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/holdfast-security/holdfast/cli"
)

// writeCommands writes docs/cli.md: the help of every command, as the command
// itself prints it.
func writeCommands(doc *bytes.Buffer) error {
	doc.WriteString("# The command holdfast\n\n" + heading + "\n")
	return writeCommand(doc, nil)
}

// writeCommand writes the help of the command that path names, and of those
// below it.
func writeCommand(doc *bytes.Buffer, path []string) error {
	help, err := invoke(append(path[:len(path):len(path)], "--help")...)
	if err != nil {
		return err
	}
	if len(path) > 0 {
		fmt.Fprintf(doc, "## holdfast %s\n\n", strings.Join(path, " "))
	}
	fmt.Fprintf(doc, "```\n%s\n```\n\n", strings.TrimSpace(help))
	for _, name := range subcommands(help) {
		if err := writeCommand(doc, append(path[:len(path):len(path)], name)); err != nil {
			return err
		}
	}
	return nil
}

// invoke runs the command within this process and returns what it prints.
func invoke(args ...string) (string, error) {
	var out, errs bytes.Buffer
	code := cli.Run(context.Background(), args, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
	if code != cli.ExitDone {
		return "", fmt.Errorf("holdfast %s: exit code %d: %s", strings.Join(args, " "), code, errs.String())
	}
	return out.String(), nil
}

// subcommands returns the names that help lists under headings of its own or
// under "Available Commands:", between usage and flags.
func subcommands(help string) []string {
	_, text, _ := strings.Cut(help, "\nUsage:\n")
	text, _, _ = strings.Cut(text, "\nFlags:\n")
	sections := strings.Split(text, "\n\n")
	var names []string
	for _, section := range sections[1:] { // behind the usage
		heading, lines, _ := strings.Cut(section, ":\n")
		if heading == "Aliases" || heading == "Examples" {
			continue
		}
		for line := range strings.Lines(lines) {
			if name := strings.Fields(line); len(name) > 0 && strings.HasPrefix(line, "  ") && name[0] != "help" {
				names = append(names, name[0])
			}
		}
	}
	return names
}
