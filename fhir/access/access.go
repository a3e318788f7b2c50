package access

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/portico-health/portico/fhir"
	"github.com/portico-health/portico/fhir/audit"
	"github.com/portico-health/portico/storage"
)

// Record keeps what happened. What must not be lost when the program dies is settled before it is answered: Settle writes what was recorded in a partition.
type Record interface {
	audit.Recorder
	Settle(ctx context.Context, p fhir.Partition) error
}

// Config is what an Access stands on. Every field but IsType and Anonymous is needed.
type Config struct {
	Records storage.Records
	Now     func() time.Time
	Log     *slog.Logger
	Audit   Record
	Limits  Limits

	// IsType says whether a name is that of a resource type, so that scopes with another are refused. Nil: every name that could be one is.
	IsType func(name string) bool

	// BaseURL is that of the server, without a slash at its end: the issuer of tokens, and what stands before TokenPath in the audience of assertions.
	BaseURL string

	// Outside fetches the keys of clients (Credential.JWKSURL). It must not reach private addresses: see package outward.
	Outside *http.Client

	// Anonymous is who comes without any credential; nil: nobody. Limits do not hold for them. Whoever names a site names AnonymousSite.
	Anonymous     *fhir.Principal
	AnonymousSite string
}

// Paths below the URL of the server.
const (
	TokenPath      = "/auth/token"
	JWKSPath       = "/auth/jwks.json"
	IntrospectPath = "/auth/introspect" // RFC 7662
	RevokePath     = "/auth/revoke"     // RFC 7009
	SitesPath      = "/auth/sites"      // for administrators
	KeysPath       = "/auth/keys"       // for administrators
)

// What clients can do at TokenPath, for the documents that advertise it.
var (
	GrantTypes        = []string{"client_credentials"}
	AuthMethods       = []string{"client_secret_basic", "client_secret_post", "private_key_jwt"}
	SigningAlgorithms = []string{"RS384", "ES384"} // of assertions
)

// TokenLife is how long a token is valid: SMART asks for five minutes at most.
const TokenLife = 5 * time.Minute

// Limits are what a credential may ask of this node. A zero means no limit.
type Limits struct {
	Requests int // a second, for each credential
	SignIns  int // requests for tokens a minute, for each credential
	Refusals int // requests without a credential or with a wrong one a minute, from each address
}

// DefaultLimits hold where nothing else is wanted.
var DefaultLimits = Limits{Requests: 250, SignIns: 100, Refusals: 100}

// Access decides who gets in. It may be used by many goroutines at once. What is changed by its Registry holds at once here, and within half a second on
// other nodes.
type Access struct {
	Registry
	config Config

	holders *memory[*holder] // by id
	sites   *memory[Site]    // by siteKey

	requests *limiter // of each credential, by id
	signIns  *limiter // for tokens, of each credential, by id
	refusals *limiter // from each address, by limitName
	lookUps  *limiter // for each address beyond that limit

	recorded   *limiter     // refusals of strangers, whoever they are
	unrecorded atomic.Int64 // those beyond, which were not told yet

	keys    *keyring          // that sign tokens
	tokens  *verifiedTokens   // that were shown lately
	revoked *memory[struct{}] // tokens, by jti
	outside *outsideKeys      // of clients
}

// New makes an Access.
func New(c Config) *Access {
	a := &Access{config: c}
	a.holders, a.sites = newMemory(a.readHolder), newMemory(a.readSite)
	a.requests = newLimiter(c.Limits.Requests, time.Second)
	a.signIns, a.refusals = newLimiter(c.Limits.SignIns, time.Minute), newLimiter(c.Limits.Refusals, time.Minute)
	a.lookUps, a.recorded = newLimiter(lookUpsBeyond, time.Second), newLimiter(refusalsRecorded, time.Second)
	a.revoked, a.tokens = newMemory(a.readRevoked), &verifiedTokens{}
	a.keys = &keyring{records: c.Records, now: c.Now}
	a.outside = &outsideKeys{client: c.Outside, now: c.Now, log: c.Log, byURL: map[string]*fetched{}}
	a.Registry = Registry{Records: c.Records, Now: c.Now, IsType: c.IsType, changed: a.forget}
	return a
}

// forget has what was changed here read anew.
func (a *Access) forget(record string) {
	if id, ok := strings.CutPrefix(record, credentialRecords); ok {
		a.holders.forget(id)
	}
	if key, ok := strings.CutPrefix(record, siteRecords); ok {
		a.sites.forget(key)
	}
}

// readHolder reads a credential.
func (a *Access) readHolder(ctx context.Context, id string) (*holder, error) {
	k, err := a.credential(ctx, id)
	if err != nil {
		return nil, err
	}
	return newHolder(k)
}

// readSite reads a site by its siteKey.
func (a *Access) readSite(ctx context.Context, key string) (Site, error) { return a.Site(ctx, key) }
