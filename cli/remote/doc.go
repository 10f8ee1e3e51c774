// Package remote holds the subcommands that speak to a server: alerts, hosts,
// ledger, people and tokens, by its REST API and nothing else.
//
// Which server, and as whom, says a context that `holdfast login` wrote. What
// the API sends is drawn by package render or printed as it came; values that
// come from hosts pass through both unharmed and unbelieved.
package remote
