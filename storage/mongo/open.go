package mongo

import (
	"context"
	"errors"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/portico-health/portico/fhir"
)

// Defaults, which the connection string may replace.
const (
	patience = 10 * time.Second // of one call of the database; half of it for choosing a server, or for connecting to one
	pool     = 64               // connections to each server
	appName  = "portico"        // in the server's log
)

// compressors are offered to the server, which may take one of them.
var compressors = []string{"snappy", "zstd"}

// Open connects to the database, makes what is missing of collections and indexes, and verifies what is there.
func Open(ctx context.Context, c Config) (*Store, error) {
	dial, name, err := dialling(c)
	if err != nil {
		return nil, err
	}
	client, err := mongo.Connect(dial)
	if err != nil {
		return nil, unusable(c.URI, err)
	}
	c.Patience = *dial.Timeout
	s := &Store{config: c, client: client, now: c.Now, catalogue: newCatalogue()}
	if s.now == nil {
		s.now = time.Now
	}
	if err := s.begin(ctx, dial, name); err != nil {
		return nil, classify(ctx, errors.Join(err, s.client.Disconnect(ctx)))
	}
	return s, nil
}

// begin looks at the server and prepares the database.
func (s *Store) begin(ctx context.Context, dial *options.ClientOptions, name string) error {
	ctx = s.patient(ctx)
	if err := s.meet(ctx, dial); err != nil {
		return err
	}
	s.db = s.client.Database(name, concerns(s.deployment, dial))
	if s.deployment.replicated && isWeak(dial) {
		s.note("The connection string asks for less than a majority of the servers (w, readConcernLevel): what was acknowledged may be lost when the primary changes, and a search, history or feed may have told of it.")
	}
	s.clock, s.claims = newClock(s), newClaims(s)
	if s.config.reading {
		return s.mustBeThere(ctx)
	}
	if err := s.ensure(ctx, recordCollection, recordIndexes(), building); err != nil {
		return err
	}
	for _, typ := range s.config.Types {
		if err := s.prepareWithin(ctx, typ, building); err != nil {
			return err
		}
	}
	return s.proveTransactions(ctx)
}

// meet finds out what the server is. To one that looks like a replica set and is none the driver would send writes a second time that are then done twice: the
// client is made anew without that.
func (s *Store) meet(ctx context.Context, dial *options.ClientOptions) (err error) {
	if s.deployment, err = look(ctx, s.client, dial.Hosts); err != nil {
		return err
	}
	if !s.deployment.replicated || s.deployment.retries {
		return nil
	}
	client, err := mongo.Connect(dial.SetRetryWrites(false))
	if err != nil {
		return err
	}
	s.client, client = client, s.client
	return client.Disconnect(ctx)
}

// proveTransactions takes back what the deployment promised when a trial does not bear it out.
func (s *Store) proveTransactions(ctx context.Context) (err error) {
	if !s.deployment.transactions {
		return nil
	}
	if s.deployment.transactions, err = s.undoesTransactions(ctx); err == nil && !s.deployment.transactions {
		s.note("The server is a replica set or a sharded cluster by its own word, but what is written in a transaction stays when that is aborted, or is refused. Portico does without transactions.")
	}
	return err
}

// connect makes the client of a configuration; it has not yet spoken to the server.
func connect(c Config) (*mongo.Client, error) {
	dial, _, err := dialling(c)
	if err != nil {
		return nil, err
	}
	client, err := mongo.Connect(dial)
	if err != nil {
		return nil, unusable(c.URI, err)
	}
	return client, nil
}

// dialling are the options of the client and the name of the database. All that is wrong with the connection string is in the error, nothing of its credentials.
func dialling(c Config) (dial *options.ClientOptions, database string, err error) {
	dial = options.Client().ApplyURI(c.URI)
	if err := dial.Validate(); err != nil {
		return nil, "", unusable(c.URI, err)
	}
	database, err = databaseOf(c.URI)
	if err != nil {
		return nil, "", unusable(c.URI, err)
	}
	if faults := refused(c.URI, database, dial); faults != nil {
		return nil, "", fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "%s", strings.Join(faults, " "))
	}
	setDefaults(dial, c)
	return dial, database, nil
}

// databaseOf is the path of a connection string.
func databaseOf(uri string) (string, error) {
	_, rest, _ := strings.Cut(withoutSecrets(uri), "://")
	rest, _, _ = strings.Cut(rest, "?")
	_, path, _ := strings.Cut(rest, "/")
	return url.PathUnescape(path)
}

// setDefaults sets what the connection string leaves open. A time-out of 0, which would be none, counts as open.
func setDefaults(dial *options.ClientOptions, c Config) {
	if dial.Timeout == nil || *dial.Timeout <= 0 {
		dial.SetTimeout(c.Patience)
		if c.Patience <= 0 {
			dial.SetTimeout(patience)
		}
	}
	half := *dial.Timeout / 2
	if dial.ServerSelectionTimeout == nil {
		dial.SetServerSelectionTimeout(half)
	}
	if dial.ConnectTimeout == nil {
		dial.SetConnectTimeout(half)
	}
	if dial.MaxPoolSize == nil {
		dial.SetMaxPoolSize(pool)
	}
	if dial.Dialer == nil {
		dial.SetDialer(dialer{})
	}
	if dial.AppName == nil {
		dial.SetAppName(appName)
	}
	if dial.Compressors == nil {
		dial.SetCompressors(compressors)
	}
	if c.monitor != nil {
		dial.SetMonitor(c.monitor)
	}
}

// dialer connects so that closing a connection drops what was not sent yet. Otherwise the system would go on sending it, and a write that was given up when the network
// was interrupted would arrive when the network is back: long after everybody relies on it not coming any more.
type dialer struct{ net.Dialer }

// DialContext is options.ContextDialer's.
func (d dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.Dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if tcp, is := conn.(*net.TCPConn); is {
		if err := tcp.SetLinger(0); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	return conn, nil
}

// concerns are what a deployment has to say of a write before it counts, and of what is read: https://www.mongodb.com/docs/manual/reference/write-concern/.
func concerns(d deployment, dial *options.ClientOptions) *options.DatabaseOptionsBuilder {
	o := options.Database()
	w := writeconcern.WriteConcern{}
	if dial.WriteConcern != nil {
		w = *dial.WriteConcern
	}
	if w.W == nil && d.replicated {
		w.W = writeconcern.WCMajority
	}
	if w.Journal == nil {
		journal := true
		w.Journal = &journal
	}
	o.SetWriteConcern(&w)
	if dial.ReadConcern == nil && d.replicated {
		o.SetReadConcern(readconcern.Majority())
	}
	return o
}

// isWeak says whether a connection string asks for a write or read concern below that of a majority.
func isWeak(dial *options.ClientOptions) bool {
	w, r := dial.WriteConcern, dial.ReadConcern
	one, isNumber := 0, false
	if w != nil {
		one, isNumber = w.W.(int)
	}
	return isNumber && one < 2 || r != nil && (r.Level == readconcern.Local().Level || r.Level == readconcern.Available().Level)
}

// unusable is the error for a connection string that the driver does not take. The driver's reason may quote a password: it is given as it reads for the same
// string without credentials.
func unusable(uri string, err error) error {
	public := withoutSecrets(uri)
	if public != uri {
		if err = options.Client().ApplyURI(public).Validate(); err == nil {
			err = errors.New("its user name, password or the options of its authentication are wrong; characters other than letters and digits are written as %XX in them")
		}
	}
	return fhir.Errorf(fhir.Invalid, fhir.CodeInvalid, "The connection string of the store cannot be used: %s.", strings.TrimSuffix(err.Error(), "."))
}

// secretOptions are the options of a connection string that nobody may see, in small letters.
var secretOptions = []string{"authmechanismproperties", "tlscertificatekeyfilepassword", "sslclientcertificatekeypassword", "proxypassword", "proxyusername"}

// withoutSecrets is a connection string without user name and password, and without options that are secret.
func withoutSecrets(uri string) string {
	scheme, rest, _ := strings.Cut(uri, "://")
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		rest = rest[at+1:]
	}
	servers, query, asks := strings.Cut(rest, "?")
	if !asks {
		return scheme + "://" + servers
	}
	kept := slices.DeleteFunc(strings.FieldsFunc(query, func(r rune) bool { return r == '&' || r == ';' }), func(option string) bool {
		name, _, _ := strings.Cut(option, "=")
		return slices.Contains(secretOptions, strings.ToLower(name)) || strings.HasPrefix(strings.ToLower(name), "auth")
	})
	return scheme + "://" + servers + "?" + strings.Join(kept, "&")
}

// Ready says whether the database takes reads and writes: there is a primary, and a write, be it of nothing, is acknowledged as every other.
func (s *Store) Ready(ctx context.Context) error {
	return s.call(ctx, func(ctx context.Context) error {
		_, err := s.db.Collection(clockCollection).DeleteOne(ctx, bson.D{{Key: fieldID, Value: "nothing"}})
		return err
	})
}

// patient bounds each call of the database below: by Config.Patience, or by ctx where that ends before.
func (s *Store) patient(ctx context.Context) context.Context {
	return patient{ctx, s.config.Patience}
}

// patient is a context that keeps a deadline to itself that is further away than the patience for one call: the driver sets its time-out only where it sees none.
type patient struct {
	context.Context
	patience time.Duration
}

// Deadline is context.Context's.
func (p patient) Deadline() (time.Time, bool) {
	end, ends := p.Context.Deadline()
	if ends && time.Until(end) > p.patience {
		return time.Time{}, false
	}
	return end, ends
}
