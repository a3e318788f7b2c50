package mongo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// proxy stands between stores and the server of uriVariable. It tells what they say to each other, and does what networks and servers do to them: it refuses,
// hangs, cuts connections, and answers in the server's place. As long as it is told nothing it changes nothing.
type proxy struct {
	t       testing.TB
	server  string // host and port
	address string // its own

	mu       sync.Mutex
	listener net.Listener
	open     map[net.Conn]struct{}
	hung     chan struct{} // is closed when what hangs is cut; nil: nothing hangs
	decide   func(command) reaction
	seen     []command

	// as is what it makes of the server; "": nothing.
	as     string
	known  map[string][]byte // the answers to writes that may be sent twice, by session and number
	direct *mongo.Client     // to the server
	undone map[string][]undo // what transactions have written over, by session
}

// command is a command that a client sent.
type command struct {
	name          string // "insert"
	database      string
	collection    string   // that it is about, if it is about one
	body          bson.Raw // as it was sent, less the documents of a sequence
	session       string
	number        int64 // of the transaction or of a write that may be sent twice; 0: none
	starts        bool  // it is the first of a transaction
	inTransaction bool  // it is one of a transaction, or ends it
}

// reaction is what becomes of a command. The zero one forwards it.
type reaction struct {
	answer bson.D                     // is sent, and the server hears nothing
	edit   func(answer bson.D) bson.D // makes another answer of the server's
	cut    cut
	hang   bool // nothing is answered, and the server hears nothing, until the proxy is healed
}

// cut is where the connection is cut.
type cut string

// The places.
const (
	beforeServer cut = "before the server has it"
	beforeAnswer cut = "before the answer is sent" // the server has carried it out
	withinAnswer cut = "within the answer"
)

// refusal is an answer with an error and its labels.
func refusal(code int, labels ...string) bson.D {
	d := bson.D{{Key: "ok", Value: 0.0}, {Key: "code", Value: int32(code)}, {Key: "errmsg", Value: fmt.Sprintf("refused with %d", code)}}
	if len(labels) > 0 {
		d = append(d, bson.E{Key: "errorLabels", Value: labels})
	}
	return d
}

// newProxy starts a proxy, which ends with the test. The test is skipped where there is no server.
func newProxy(t testing.TB) *proxy {
	t.Helper()
	testURI(t, "")
	at := options.Client().ApplyURI(os.Getenv(uriVariable))
	p := &proxy{t: t, server: at.Hosts[0], open: map[net.Conn]struct{}{}, known: map[string][]byte{}}
	p.listen("127.0.0.1:0")
	p.address = p.listener.Addr().String()
	t.Cleanup(p.refuse)
	return p
}

// through is a connection string that leads through the proxy to where uri leads.
func (p *proxy) through(uri string) string {
	return strings.Replace(uri, p.server, p.address, 1)
}

// on decides what becomes of each command. Calls of it come from many goroutines, one after the other.
func (p *proxy) on(decide func(command) reaction) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.decide = decide
}

// commands are those that were sent so far, of these names; those of the driver's own, hello and ping, are not among them. What was told is forgotten.
func (p *proxy) commands(names ...string) (told []command) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.seen {
		for _, n := range names {
			if n == c.name {
				told = append(told, c)
			}
		}
	}
	if len(names) == 0 {
		told = p.seen
	}
	p.seen = nil
	return told
}

// refuse cuts all connections and takes no more.
func (p *proxy) refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil {
		_ = p.listener.Close()
		p.listener = nil
	}
	p.cutAll()
}

// hang lets everything wait that is sent from now on.
func (p *proxy) hang() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hung == nil {
		p.hung = make(chan struct{})
	}
}

// cutAll cuts all connections, wherever they are. The caller holds the mutex.
func (p *proxy) cutAll() {
	for c := range p.open {
		_ = c.Close()
	}
	if p.hung != nil {
		close(p.hung)
		p.hung = nil
	}
}

// heal forwards everything again. What hung is cut.
func (p *proxy) heal() {
	p.mu.Lock()
	p.decide = nil
	if p.hung != nil {
		p.cutAll()
	}
	closed := p.listener == nil
	p.mu.Unlock()
	if closed {
		p.listen(p.address)
	}
}

func (p *proxy) listen(address string) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
	if err != nil {
		p.t.Error(err)
		return
	}
	p.mu.Lock()
	p.listener = listener
	p.mu.Unlock()
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go p.serve(client)
		}
	}()
}

// keep has a connection among those that are cut; false: there are none any more.
func (p *proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[c] = struct{}{}
	return p.listener != nil
}

func (p *proxy) drop(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, c)
	_ = c.Close()
}

// serve forwards the messages of one connection, one after the other.
func (p *proxy) serve(client net.Conn) {
	defer p.drop(client)
	server, err := new(net.Dialer).DialContext(context.Background(), "tcp", p.server)
	if err != nil {
		return
	}
	defer p.drop(server)
	for p.keep(client) && p.keep(server) {
		raw, err := readMessage(client)
		if err != nil {
			return
		}
		answer, err := p.handle(raw, server)
		if _, wrote := client.Write(answer); wrote != nil || err != nil {
			return
		}
	}
}

// errCut ends a connection.
var errCut = errors.New("cut")

// handle does to a message what has to be done, and returns what the client is answered.
func (p *proxy) handle(raw []byte, server net.Conn) (answer []byte, err error) {
	m, err := decodeMessage(raw)
	if err != nil {
		p.t.Error(err)
		return nil, err
	}
	c := commandOf(m)
	r, hung := p.reaction(c)
	if hung != nil {
		<-hung
		return nil, errCut
	}
	switch {
	case r.cut == beforeServer:
		return nil, errCut
	case r.answer != nil:
		return m.answer(marshal(r.answer)).encode(), nil
	}
	if answer, err = p.ask(m, c, raw, server); err != nil || m.flags&moreToCome != 0 {
		return nil, err
	}
	if r.edit != nil {
		answer = edited(answer, r.edit)
	}
	switch r.cut {
	case beforeAnswer:
		return nil, errCut
	case withinAnswer:
		return answer[:len(answer)/2], errCut
	}
	return answer, nil
}

// reaction is what becomes of a command: something, or it waits until a channel is closed.
func (p *proxy) reaction(c command) (r reaction, hung chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	own := isHello(c.name) || c.name == "ping" || c.name == "endSessions"
	if !own {
		p.seen = append(p.seen, c)
	}
	if p.hung != nil {
		return r, p.hung
	}
	if p.decide != nil && !own {
		r = p.decide(c)
	}
	if r.hang {
		p.hung = make(chan struct{})
		return r, p.hung
	}
	return r, nil
}

// ask asks the server, or answers as what the proxy plays.
func (p *proxy) ask(m message, c command, raw []byte, server net.Conn) (answer []byte, err error) {
	if p.as == "" {
		return exchange(raw, m.flags, server)
	}
	switch {
	case c.name == "commitTransaction" || c.name == "abortTransaction":
		p.end(c)
		return m.answer(marshal(bson.D{{Key: "ok", Value: 1.0}})).encode(), nil
	case c.inTransaction:
		p.note(c, m)
		m.body = marshal(without(unmarshal(m.body), "txnNumber", "startTransaction", "autocommit", "readConcern"))
		return exchange(m.encode(), m.flags, server)
	case c.number > 0:
		return p.once(m, c, raw, server)
	}
	answer, err = exchange(raw, m.flags, server)
	switch {
	case err != nil:
		return nil, err
	case isHello(c.name):
		return edited(answer, p.primary), nil
	case c.name == "buildInfo":
		return edited(answer, func(d bson.D) bson.D { return without(d, "ferretdb") }), nil
	default:
		return answer, nil
	}
}

// exchange sends a message to the server and reads its answer.
func exchange(raw []byte, flags uint32, server net.Conn) ([]byte, error) {
	if _, err := server.Write(raw); err != nil || flags&moreToCome != 0 {
		return nil, err
	}
	return readMessage(server)
}

// edited is an answer that something else was made of.
func edited(answer []byte, edit func(bson.D) bson.D) []byte {
	m, err := decodeMessage(answer)
	if err != nil {
		return answer
	}
	m.body = marshal(edit(unmarshal(m.body)))
	return m.encode()
}

// commandOf is the command of a message.
func commandOf(m message) (c command) {
	elements, err := m.body.Elements()
	if err != nil || len(elements) == 0 {
		return c
	}
	c.name, c.body = elements[0].Key(), append(bson.Raw(nil), m.body...)
	c.collection, _ = elements[0].Value().StringValueOK()
	c.database, _ = m.body.Lookup("$db").StringValueOK()
	c.session = m.body.Lookup("lsid").String()
	c.number, _ = m.body.Lookup("txnNumber").Int64OK()
	c.starts, _ = m.body.Lookup("startTransaction").BooleanOK()
	_, err = m.body.LookupErr("autocommit")
	c.inTransaction = err == nil
	return c
}

func isHello(name string) bool {
	return strings.EqualFold(name, "hello") || strings.EqualFold(name, "isMaster")
}

// marshal and unmarshal panic on what a test has no answer to.
func marshal(d bson.D) bson.Raw {
	raw, err := bson.Marshal(d)
	if err != nil {
		panic(err)
	}
	return raw
}

func unmarshal(raw bson.Raw) (d bson.D) {
	if err := bson.Unmarshal(raw, &d); err != nil {
		panic(err)
	}
	return d
}

// The proxy forwards, tells, cuts, hangs and refuses, and a store behind it heals.
func TestProxy(t *testing.T) {
	p := newProxy(t)
	uri := p.through(testURI(t, t.TempDir()))
	c := Config{URI: uri}
	dropAfter(t, c)
	s := openAgain(t, c)
	if s.deployment.replicated {
		t.Errorf("%+v", s.deployment)
	}
	p.commands()
	if _, err := s.Records().Swap(t.Context(), "a", 0, []byte("x"), 0); err != nil {
		t.Fatal(err)
	}
	if told := p.commands(); len(told) != 1 || told[0].name != "findAndModify" || told[0].collection != recordCollection || told[0].database != s.db.Name() {
		t.Errorf("told %+v", told)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
