// Package identity keeps what makes an agent the agent of an enrolled host: its
// private key, the credential that the server gave it, whom it trusts, and how
// far it has obeyed.
//
// It lies in the directory identity below the state directory, readable by its
// owner alone. Each file is written whole or not at all, through a temporary
// file and a rename that are both synced, so that no power cut leaves a host
// without its identity. Reading is strict: a file that others may change, that
// is damaged or incomplete is an error that says so, never half an identity.
//
// The private key is made on the host and never leaves it.
package identity
