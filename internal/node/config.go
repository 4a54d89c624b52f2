package node

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/evenkeel/evenkeel/internal/edge"
)

// Config is all that an operator tells one node. It is one flat struct: the
// command line, the environment, the configuration file and
// docs/configuration.md are all made from its tags.
//
//	name     the flag; the key in the file has "_" for "-", the variable is
//	         EVENKEEL_ and the key in capitals
//	default  what holds when nobody says anything
//	help     one sentence for the command line; doc adds to it in the page
//	enum     the only values allowed; min and max bound a size
//
// What the desk reads when it applies an entry is never here: it is replicated
// state, the same on every node.
type Config struct {
	Data string `name:"data" default:"./evenkeel-data" placeholder:"DIR" help:"Directory of all that this node keeps." doc:"It is made if it is missing. One process at a time may have it open."`

	Name string `name:"name" default:"" placeholder:"NAME" help:"Name of this node, for people; empty: the machine's host name." doc:"Letters, digits, '.', '_' and '-', at most 64."`

	HTTP string `name:"http" default:":8080" placeholder:"ADDR" help:"Address to listen on for HTTP and WebSocket." doc:"HOST:PORT; without a host, on all of the machine's addresses; port 0 takes any free one."`

	Cluster string `name:"cluster" default:"" placeholder:"ADDR" help:"Address to listen on for other nodes of the cell; empty: port 7400, or another that is free." doc:"HOST:PORT or :PORT. Other nodes reach this one at the host, or, if there is none, at this machine's own address; with an IP address as the host this node calls them from it, too."`

	ClusterAdvertise string `name:"cluster-advertise" default:"" placeholder:"ADDR" help:"Address at which other nodes reach this one, if it is not that of --cluster." doc:"HOST:PORT, such as that of a port that is forwarded to this machine or container."`

	Bus string `name:"bus" default:"" list:"yes" placeholder:"ADDR" help:"Address to listen on for the bus of the cell's nodes, or the servers of a NATS system that carries it instead; empty: port 7401, or another that is free." doc:"The bus carries what is live, such as typing, and no chat; a cell of one node has none. HOST:PORT or :PORT; without a host as --cluster. Or nats://HOST:PORT or tls://HOST:PORT, with commas or as a list in the file; a user and a password, or a token, may stand before the host (nats://USER:PASSWORD@HOST). All nodes of a cell need the same kind of bus."`

	BusCredentials string `name:"bus-credentials" default:"" placeholder:"FILE" help:"Credentials (a .creds file) for the NATS system that --bus names."`

	BusCA string `name:"bus-ca" default:"" placeholder:"FILE" help:"Certificates (PEM) by which the servers that --bus names are trusted; empty: those that this machine trusts."`

	BusCert string `name:"bus-cert" default:"" placeholder:"FILE" help:"Certificate (PEM) that is shown to the servers that --bus names." doc:"With bus-key."`

	BusKey string `name:"bus-key" default:"" placeholder:"FILE" help:"Key (PEM) of bus-cert."`

	Join string `name:"join" default:"" placeholder:"HOST" help:"A node of a cell that this one is to join, as evenkeel node invite prints it." doc:"HOST or HOST:PORT. It is looked at only while the data directory is fresh."`

	Token string `name:"token" default:"" placeholder:"TOKEN" help:"What evenkeel node invite has printed, with --join."`

	Advertise string `name:"advertise" default:"" placeholder:"URL" help:"Address at which clients reach this node, such as https://chat.example; empty: the one that they have used."`

	TrustedProxies ProxyList `name:"trusted-proxies" default:"" list:"yes" placeholder:"LIST" help:"Reverse proxies that are believed when they tell for whom they ask: addresses and networks, with commas." doc:"X-Forwarded-For and X-Forwarded-Proto, or Forwarded, are read from these and ignored from everybody else. Without it all who come through a proxy have the proxy's address."`

	LimitAddressReads Rate `name:"limit-address-reads" default:"6000/1m" placeholder:"RATE" help:"What one address may read over HTTP, or off." doc:"Loopback is exempt: a proxy or a tool there stands for many."`

	LimitAddressWrites Rate `name:"limit-address-writes" default:"3000/1m" placeholder:"RATE" help:"What one address may change over HTTP, or off." doc:"Requests to /emulation, by which clients without a WebSocket send, count too. Loopback is exempt."`

	LimitUserReads Rate `name:"limit-user-reads" default:"1200/1m" placeholder:"RATE" help:"What one person may read over HTTP, or off."`

	LimitUserWrites Rate `name:"limit-user-writes" default:"600/1m" placeholder:"RATE" help:"What one person may change over HTTP, or off."`

	LimitKeyReads Rate `name:"limit-key-reads" default:"12000/1m" placeholder:"RATE" help:"What one API key may read over HTTP, or off."`

	LimitKeyWrites Rate `name:"limit-key-writes" default:"6000/1m" placeholder:"RATE" help:"What one API key may change over HTTP, or off."`

	LimitAddressVisitors Rate `name:"limit-address-visitors" default:"10/1m" placeholder:"RATE" help:"How many new visitors one address may bring, or off." doc:"A visitor who keeps his token is none. Many people behind one address, or a proxy that is not trusted, need more. Loopback is exempt."`

	LogLevel string `name:"log-level" default:"info" enum:"debug,info,warn,error" placeholder:"LEVEL" help:"What to log: ${enum}."`

	LogFormat string `name:"log-format" default:"text" enum:"text,json" placeholder:"FORMAT" help:"How to log, on standard error: ${enum}."`

	MetricsFrom Networks `name:"metrics-from" default:"127.0.0.0/8,::1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7" list:"yes" placeholder:"NETWORKS" help:"Networks that are told GET /metrics." doc:"A list with commas between. What comes through a proxy is refused. Empty: nobody is."`

	DebugHTTP string `name:"debug-http" default:"" placeholder:"ADDR" help:"Address of this machine on which profiles (pprof) are served; empty: none." doc:"A loopback address such as 127.0.0.1:6060: profiles tell more than strangers should know."`

	Archive string `name:"archive" default:"sqlite" enum:"sqlite,none" placeholder:"KIND" help:"Where this node keeps closed chats for good: ${enum}." doc:"sqlite: a file in archive/ of the data directory. none: this node keeps none; in a cell without any archive the newest 20,000 closed chats stay in memory and older ones are dropped."`

	MaxMessage Bytes `name:"max-message" default:"64KiB" min:"4KiB" max:"1MiB" placeholder:"SIZE" help:"Longest message taken from a realtime client." doc:"A client that sends a longer one is disconnected."`

	MaxOutgoing Bytes `name:"max-outgoing" default:"1MiB" min:"64KiB" max:"64MiB" placeholder:"SIZE" help:"What may wait to be sent to one realtime client before it is cut off as too slow." doc:"It comes back and resumes from where it was."`

	SegmentSize Bytes `name:"segment-size" default:"16MiB" min:"1MiB" max:"1GiB" placeholder:"SIZE" help:"Length of a file of the journal." doc:"Three such files are held ready on the disk. A multiple of 4KiB."`

	SnapshotAfter Bytes `name:"snapshot-after" default:"32MiB" min:"1MiB" max:"4GiB" placeholder:"SIZE" help:"How much log may follow the last snapshot before the next one is written." doc:"Less means a quicker start and more writing. A cell at rest writes one from 4MiB on."`
}

// DefaultConfig returns the documented defaults.
func DefaultConfig() Config {
	loaded, err := Load(Sources{})
	if err != nil {
		panic(fmt.Sprintf("node: the defaults of Config are refused: %v", err)) // the tags are wrong: a test reads them
	}
	return loaded.Config
}

// validate judges what a single value's type cannot. Its errors name the
// setting.
func (c *Config) validate() error {
	if c.Data == "" {
		return settingError("data", "must name a directory, such as ./evenkeel-data")
	}
	if len(c.Name) > 64 || strings.ContainsFunc(c.Name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r))
	}) {
		return settingError("name", "%q must be at most 64 letters, digits, '.', '_' or '-'", c.Name)
	}
	_, port, err := net.SplitHostPort(c.HTTP)
	if err != nil {
		return settingError("http", "%q must be HOST:PORT or :PORT, such as :8080", c.HTTP)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return settingError("http", "the port of %q must be a number from 0 to 65535", c.HTTP)
	} else if n == 0 && port != "0" {
		return settingError("http", "the port of %q is missing", c.HTTP)
	}
	if host, port, err := net.SplitHostPort(c.ClusterAdvertise); c.ClusterAdvertise != "" && (err != nil || host == "" || port == "" || port == "0") {
		return settingError("cluster-advertise", "%q must be HOST:PORT, such as keel-2.example:7400", c.ClusterAdvertise)
	}
	if c.DebugHTTP != "" && !loopbackAddress(c.DebugHTTP) {
		return settingError("debug-http", "%q must be a loopback address with a port, such as 127.0.0.1:6060", c.DebugHTTP)
	}
	if u, err := url.Parse(c.Advertise); c.Advertise != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.User != nil) {
		return settingError("advertise", "%q must be http://HOST or https://HOST, with a port if need be", c.Advertise)
	}
	if err := c.validateBus(); err != nil {
		return err
	}
	if c.SegmentSize%4096 != 0 {
		return settingError("segment-size", "%s must be a multiple of 4KiB", c.SegmentSize)
	}
	return nil
}

// loopbackAddress tells whether an address to listen on is of this machine alone.
func loopbackAddress(address string) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// Rate is a limit of the HTTP API.
type Rate = edge.Rate

// ProxyList is a list of networks whose text has commas between them.
type ProxyList string

// UnmarshalText reads the list.
func (p *ProxyList) UnmarshalText(b []byte) error {
	if _, err := edge.ParseProxies(string(b)); err != nil {
		return err
	}
	*p = ProxyList(b)
	return nil
}

// Bytes is a size. Its text is a whole number with a unit: 64KiB, 16MiB, 1GiB,
// or plain bytes.
type Bytes int64

func sizeUnits() []struct {
	suffix string
	factor Bytes
} {
	return []struct {
		suffix string
		factor Bytes
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}
}

func (b Bytes) String() string {
	for _, u := range sizeUnits() {
		if b != 0 && b%u.factor == 0 {
			return strconv.FormatInt(int64(b/u.factor), 10) + u.suffix
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// MarshalText writes the size in the largest unit that divides it.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText reads a size.
func (b *Bytes) UnmarshalText(text []byte) error {
	number, factor := string(text), Bytes(1)
	for _, u := range sizeUnits() {
		if rest, ok := strings.CutSuffix(number, u.suffix); ok {
			number, factor = strings.TrimSpace(rest), u.factor
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > (1<<62)/int64(factor) {
		return fmt.Errorf("%q is not a size: write a whole number with KiB, MiB or GiB, such as 64KiB", text)
	}
	*b = Bytes(n) * factor
	return nil
}
