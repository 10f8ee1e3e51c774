package table

import (
	"bytes"
	"fmt"
)

// Document is docs/benchmarks.md; whereAndWhen names the machine and the time.
func Document(whereAndWhen string, rows []Row) []byte {
	var doc bytes.Buffer
	doc.WriteString("# Benchmarks\n\nWritten by `make bench`, which measures Holdfast and its peers in turns in one run. ")
	doc.WriteString("The last run:\n\n")
	fmt.Fprintf(&doc, "%s.\n\n", whereAndWhen)
	WriteMarkdown(&doc, rows)
	doc.WriteString(`
How to read it:

- The bar is what the project promises; the peer's figure was measured in the
  same run and has the same unit; ratio is value divided by the peer's.
- A storm starts a program of a few instructions at an exact rate, each start
  with a number among its arguments. A start is lost when that number is not
  among what the listener recorded.
- CPU is user and system time of all the listener's processes during the
  storm and three seconds after it, as a share of one core. The kernel's
  delivery thread, kauditd, stands apart. What the audit rules cost inside the
  started programs shows as the slow-down of the storm: the median time of a
  start, against the same storm with nobody listening.
- auditd runs with Debian's configuration (log format ENRICHED), and once more
  without its enrichment (RAW), with execve and execveat rules alone. The agent
  runs with all its sensors, rules and detection: once as it is by default,
  writing alerts, and once writing every event as JSON, with its lineage. The
  enrolled agent sends every event to a server on the same machine, whose time
  stands apart; what it stored is counted start by start, and the ledger of
  both has to add up.
- Server rows run a real server with everything embedded, on the same machine
  as whoever asks it. Simulated agents enrol for real and use the agent's own
  transport; they are one process, beside the server's. Alerts for the lists
  are stored by the server's own code before it starts; an answer is timed at
  the client, with TLS. Act to browser counts from the kernel's time of the act
  until the alert has come over the stream of changes and was fetched.
- Replay rows run whole commands on logs that are made up, on one core, and count
  their user and system time: the least of three turns, what the start takes left
  out. ausearch interprets every record, grep counts one kind of line: neither
  detects anything. The other rule engine is rsigma, a program in Rust, which is
  measured where it is installed; both print equally many matches of the same rules.
`)
	return doc.Bytes()
}
