package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/holdfast-security/holdfast/event"
	"github.com/holdfast-security/holdfast/internal/bounded"
)

// Outside says how to reach a NATS cluster that others run, with JetStream and
// accounts by JWT. All secrets are files.
type Outside struct {
	// URLs of the cluster, tls://host:port.
	URLs []string
	// Credentials is the credentials file of this server's user, which may use
	// everything in the account.
	Credentials string
	// CA is a PEM file of the roots to trust; empty means the system's.
	CA string
	// SigningSeed is the file with the seed of a signing key of the account,
	// or of the account itself: it issues the agents' credentials.
	SigningSeed string
	// SystemCredentials and OperatorSeed, both or neither, let this server put
	// revocations into the account: a credentials file of the system account,
	// and the seed of the operator or one of its signing keys.
	SystemCredentials, OperatorSeed string
	// Replicas is how many copies the log has; zero means 1, at most 5.
	Replicas int
}

func (o *Outside) validate() error {
	switch {
	case len(o.URLs) == 0:
		return errors.New("the outside stream has no URLs")
	case o.Credentials == "" || o.SigningSeed == "":
		return errors.New("the outside stream needs a credentials file and a signing seed file")
	case (o.SystemCredentials == "") != (o.OperatorSeed == ""):
		return errors.New("revoking on the outside stream needs both the system credentials file and the operator seed file")
	case o.Replicas < 0 || o.Replicas > 5:
		return fmt.Errorf("the outside stream's log cannot have %d replicas, only 1 to 5", o.Replicas)
	}
	return nil
}

// outside is the cluster that others run.
type outside struct {
	config   Outside
	options  []nats.Option
	signing  Signer
	operator Signer // nil where revocations cannot be pushed
	account  string
}

func openOutside(c Config) (*outside, error) {
	b := &outside{config: *c.Outside, options: connectionOptions(c.Log)}
	var err error
	if b.account, err = accountOf(b.config.Credentials); err != nil {
		return nil, err
	}
	if b.signing, err = readSeed(b.config.SigningSeed, nkeys.PrefixByteAccount); err != nil {
		return nil, err
	}
	if b.config.OperatorSeed != "" {
		if b.operator, err = readSeed(b.config.OperatorSeed, nkeys.PrefixByteOperator); err != nil {
			return nil, err
		}
	}
	if b.config.CA != "" {
		b.options = append(b.options, nats.RootCAs(b.config.CA))
	}
	return b, nil
}

func (b *outside) connect() (*nats.Conn, error) { return b.connectAs(b.config.Credentials) }

func (b *outside) connectAs(credentials string) (*nats.Conn, error) {
	options := nats.GetDefaultOptions()
	options.Servers = b.config.URLs
	for _, option := range append(slices.Clone(b.options), nats.UserCredentials(credentials)) {
		if err := option(&options); err != nil {
			return nil, fmt.Errorf("set up the connection to the outside stream: %w", err)
		}
	}
	nc, err := options.Connect()
	if err != nil {
		return nil, fmt.Errorf("connect to the outside stream at %q: %w", b.config.URLs, err)
	}
	return nc, nil
}

func (b *outside) issuer() (Signer, string) { return b.signing, b.account }

// revoke merges the list into the account as the cluster knows it, signs it as
// the operator and pushes it to all servers of the cluster.
func (b *outside) revoke(ctx context.Context, revoked map[string]time.Time, lifted []string) error {
	if b.operator == nil {
		return ErrNotRevocable
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	nc, err := b.connectAs(b.config.SystemCredentials)
	if err != nil {
		return err
	}
	defer nc.Close()
	prefix := "$SYS.REQ.ACCOUNT." + b.account + ".CLAIMS."
	reply, err := nc.RequestWithContext(ctx, prefix+"LOOKUP", nil)
	if err != nil {
		return fmt.Errorf("look up the account of the outside stream: %w", err)
	}
	claims, err := jwt.DecodeAccountClaims(string(reply.Data))
	if err != nil {
		return fmt.Errorf("look up the account of the outside stream: %w", err)
	}
	if err := b.trusted(ctx, nc, claims.Issuer); err != nil {
		return err
	}
	for _, key := range lifted {
		claims.ClearRevocation(key)
	}
	for key, at := range revoked {
		claims.RevokeAt(key, at)
	}
	text, err := encodeAccount(claims, b.operator)
	if err != nil {
		return err
	}
	if reply, err = nc.RequestWithContext(ctx, prefix+"UPDATE", []byte(text)); err != nil {
		return fmt.Errorf("push revocations to the outside stream: %w", err)
	}
	return updateError(reply.Data)
}

// trusted checks that the cluster believes the operator's key, which issuer
// signed the account with until now. The cluster keeps what anybody signed and
// looks at the signature when it reads the account again: with the wrong key
// nobody would be let in any more after its next restart.
func (b *outside) trusted(ctx context.Context, nc *nats.Conn, issuer string) error {
	key := b.operator.PublicKey()
	if key == issuer {
		return nil
	}
	reply, err := nc.RequestWithContext(ctx, "$SYS.REQ.SERVER.PING.VARZ", nil)
	if err != nil {
		return fmt.Errorf("look up the operator of the outside stream: %w", err)
	}
	var answer struct {
		Data struct {
			Operators []jwt.OperatorClaims `json:"trusted_operators_claim"`
		} `json:"data"`
	}
	if err := json.Unmarshal(reply.Data, &answer); err != nil {
		return fmt.Errorf("look up the operator of the outside stream: %w", err)
	}
	for _, operator := range answer.Data.Operators {
		if operator.Subject == key || operator.SigningKeys.Contains(key) {
			return nil
		}
	}
	return fmt.Errorf("the outside stream does not belong to the operator %s, whose seed is in %q; put there the seed of its own operator or of one of its signing keys",
		key, b.config.OperatorSeed)
}

// updateError reads the answer to a push of claims.
func updateError(data []byte) error {
	var reply struct {
		Error *struct {
			Description string `json:"description"`
		} `json:"error"`
	}
	if err := json.Unmarshal(data, &reply); err != nil {
		return fmt.Errorf("push revocations to the outside stream: %w", err)
	}
	if reply.Error != nil {
		return fmt.Errorf("the outside stream refused the revocations: %.200q", reply.Error.Description)
	}
	return nil
}

func (b *outside) room() bool { return true }

func (b *outside) fault() error { return nil } // the cluster looks after itself

func (b *outside) revive() error { return nil }

func (b *outside) replicas() int { return max(1, b.config.Replicas) }

func (b *outside) addr() string { return "" }

func (b *outside) disconnect(event.HostID) {} // the cluster's own limits apply

func (b *outside) connections() int { return -1 }

func (b *outside) close() {}

// keyPair is a Signer read from a file.
type keyPair struct {
	pair   nkeys.KeyPair
	public string
}

func (k *keyPair) PublicKey() string { return k.public }

func (k *keyPair) Sign(data []byte) ([]byte, error) { return k.pair.Sign(data) }

// readSeed reads a seed file of a kind of nkey. Errors never show its content.
func readSeed(path string, kind nkeys.PrefixByte) (*keyPair, error) {
	data, err := readSmall(path)
	if err != nil {
		return nil, err
	}
	pair, err := nkeys.ParseDecoratedNKey(data)
	if err != nil {
		return nil, fmt.Errorf("%q holds no nkey seed", path)
	}
	public, err := pair.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("%q holds no nkey seed", path)
	}
	if nkeys.Prefix(public) != kind {
		return nil, fmt.Errorf("%q holds the seed of another kind of key: its public key is %s", path, public)
	}
	return &keyPair{pair: pair, public: public}, nil
}

// accountOf returns the account that a credentials file belongs to.
func accountOf(path string) (string, error) {
	data, err := readSmall(path)
	if err != nil {
		return "", err
	}
	text, err := jwt.ParseDecoratedJWT(data)
	if err != nil {
		return "", fmt.Errorf("%q holds no NATS credentials", path)
	}
	claims, err := jwt.DecodeUserClaims(text)
	if err != nil {
		return "", fmt.Errorf("%q holds no NATS credentials", path)
	}
	if claims.IssuerAccount != "" {
		return claims.IssuerAccount, nil
	}
	return claims.Issuer, nil
}

// readSmall reads a file of keys, at most 64 KiB.
func readSmall(path string) ([]byte, error) {
	data, err := bounded.ReadFile(path, 64<<10)
	if err != nil {
		return nil, fmt.Errorf("read credentials: %w", err)
	}
	return data, nil
}
