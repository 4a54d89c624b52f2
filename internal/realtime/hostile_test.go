package realtime

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// fate is what a message leads to.
type fate struct {
	closed int    // the connection ends with this code
	err    uint32 // the command is refused with this code; 0: neither
}

// hostile is a message that no library sends, and what is documented about it.
type hostile struct {
	what    string
	early   bool // it is sent before the connect command
	message string
	fate    fate
}

var (
	ends    = func(code uint32) fate { return fate{closed: int(code)} } //state: shorthand
	refused = func(code uint32) fate { return fate{err: code} }         //state: shorthand
	goesOn  = fate{}                                                    //state: shorthand
)

// tooBig is the message limit of the servers below.
const tooBig = 8 << 10

func hostileJSON() []hostile {
	return []hostile{
		{"nothing", false, "", ends(CloseBadRequest)},
		{"white space", false, " \n\t\n ", ends(CloseBadRequest)},
		{"a word", false, "hello", ends(CloseBadRequest)},
		{"a list", false, `[{"id":1}]`, ends(CloseBadRequest)},
		{"null", false, "null", ends(CloseBadRequest)},
		{"a frame that stops", false, `{"id":2,"rpc":{"method":"ec`, ends(CloseBadRequest)},
		{"two frames on a line", false, `{"id":2,"ping":{}}{"id":3,"ping":{}}`, ends(CloseBadRequest)},
		{"a byte order mark", false, "\xef\xbb\xbf{}", ends(CloseBadRequest)},
		{"NUL bytes", false, "\x00\x00", ends(CloseBadRequest)},
		{"an id below 0", false, `{"id":-1,"ping":{}}`, ends(CloseBadRequest)},
		{"an id beyond 32 bits", false, `{"id":4294967296,"ping":{}}`, ends(CloseBadRequest)},
		{"an id with a fraction", false, `{"id":1.5,"ping":{}}`, ends(CloseBadRequest)},
		{"an id that is a string", false, `{"id":"2","ping":{}}`, ends(CloseBadRequest)},
		{"a command without an id", false, `{"ping":{}}`, ends(CloseBadRequest)},
		{"a channel that is a number", false, `{"id":2,"subscribe":{"channel":7}}`, ends(CloseBadRequest)},
		{"an offset below 0", false, `{"id":2,"subscribe":{"channel":"c","recover":true,"offset":-1}}`, ends(CloseBadRequest)},
		{"two requests in one", false, `{"id":2,"ping":{},"rpc":{"method":"echo"}}`, ends(CloseBadRequest)},
		{"nesting without end", false, `{"id":2,"rpc":{"method":"echo","data":` + strings.Repeat("[", tooBig/2), ends(CloseBadRequest)},
		{"too many commands", false, strings.Repeat("{}\n", maxCommands+1), ends(CloseBadRequest)},
		{"connect twice", false, `{"id":2,"connect":{"token":"visitor"}}`, ends(CloseBadRequest)},
		{"a message that is too long", false, `{"id":2,"rpc":{"method":"` + strings.Repeat("x", tooBig) + `"}}`, ends(websocket.CloseMessageTooBig)},
		{"a command before connect", true, `{"id":1,"rpc":{"method":"echo"}}`, ends(CloseBadRequest)},
		{"a subscription before connect", true, `{"id":1,"subscribe":{"channel":"c"}}`, ends(CloseBadRequest)},
		{"connect without an id", true, `{"connect":{"token":"visitor"}}`, ends(CloseBadRequest)},
		{"connect as nobody", true, `{"id":1,"connect":{}}`, ends(CloseInvalidToken)},
		{"connect twice at once", true, "{\"id\":1,\"connect\":{\"token\":\"visitor\"}}\n{\"id\":2,\"connect\":{\"token\":\"ann\"}}", ends(CloseBadRequest)},
		{"a flood of pongs", false, strings.Repeat("{}\n", maxCommands), goesOn},
		{"a flood of pings", false, strings.TrimSuffix(strings.Repeat("{\"id\":2,\"ping\":{}}\n", 400), "\n"), goesOn},
		{"fields that are not known", false, `{"id":2,"ping":{"x":1},"method":3,"params":{}}`, goesOn},
		{"an id that was used", false, `{"id":1,"ping":{}}`, goesOn},
		{"null everywhere", false, `{"id":null,"ping":null,"rpc":null}`, goesOn},
		{"an unknown command", false, `{"id":2,"dance":{}}`, refused(104)},
		{"a call of nothing", false, `{"id":2,"rpc":{}}`, refused(107)},
		{"a call of an unknown method", false, `{"id":2,"rpc":{"method":"\u0000"}}`, refused(104)},
		{"a subscription to nothing", false, `{"id":2,"subscribe":{}}`, refused(107)},
		{"a channel's name that is too long", false, `{"id":2,"subscribe":{"channel":"` + strings.Repeat("c", 256) + `"}}`, refused(107)},
		{"history of nothing", false, `{"id":2,"history":{"limit":-2147483648}}`, refused(107)},
		{"a refresh without a token", false, `{"id":2,"refresh":{}}`, refused(107)},
		{"a refresh as somebody else", false, `{"id":2,"refresh":{"token":"ann"}}`, refused(101)},
		{"unsubscribe from nothing", false, `{"id":2,"unsubscribe":{}}`, refused(107)},
		{"a publication to nothing", false, `{"id":2,"publish":{"data":{}}}`, refused(107)},
		{"a publication of nothing", false, `{"id":2,"publish":{"channel":"open:1"}}`, refused(107)},
		{"a publication where one is not subscribed", false, `{"id":2,"publish":{"channel":"open:1","data":{}}}`, refused(103)},
		{"a publication as the desk", false, `{"id":2,"publish":{"channel":"chat:1","data":{}}}`, refused(103)},
		{"a publication to a name without a namespace", false, `{"id":2,"publish":{"channel":"open","data":{}}}`, refused(103)},
		{"the presence of nothing", false, `{"id":2,"presence":{}}`, refused(107)},
		{"the presence where one is not subscribed", false, `{"id":2,"presence":{"channel":"open:1"}}`, refused(103)},
		{"how many are on what nobody knows", false, `{"id":2,"presence_stats":{"channel":"\u0000"}}`, refused(103)},
		{"a channel that needs a token", false, `{"id":2,"subscribe":{"channel":"closed:1","token":"` + strings.Repeat("x", 4096) + `"}}`, refused(103)},
		{"a renewal without a token", false, `{"id":2,"sub_refresh":{"channel":"open:1"}}`, refused(107)},
		{"a renewal of nothing", false, `{"id":2,"sub_refresh":{"channel":"open:1","token":"t"}}`, refused(103)},
		{"a token that is a list", false, `{"id":2,"sub_refresh":{"channel":"open:1","token":[]}}`, ends(CloseBadRequest)},
	}
}

func hostileProtobuf(t *testing.T) []hostile {
	frame := func(body ...byte) string {
		return string(append(binary.AppendUvarint(nil, uint64(len(body))), body...))
	}
	as := func(text string) string {
		message, err := toProtobuf(t, text)
		if err != nil {
			t.Fatal(err)
		}
		return string(message)
	}
	huge := strings.Repeat("\xff", 9) + "\x01"
	return []hostile{
		{"nothing", false, "", ends(CloseBadRequest)},
		{"JSON", false, "{}", ends(CloseBadRequest)},
		{"a length that stops", false, "\xff", ends(CloseBadRequest)},
		{"a length of all bits", false, huge, ends(CloseBadRequest)},
		{"a length of 11 bytes", false, strings.Repeat("\x80", 10) + "\x01", ends(CloseBadRequest)},
		{"a length beyond the message", false, "\x05\x08\x02", ends(CloseBadRequest)},
		{"a tag that stops", false, frame(0x80), ends(CloseBadRequest)},
		{"field 0", false, frame(0x00, 0x01), ends(CloseBadRequest)},
		{"a varint that stops", false, frame(0x08, 0xff), ends(CloseBadRequest)},
		{"a varint of 11 bytes", false, frame(append([]byte{0x08}, strings.Repeat("\x80", 10)+"\x01"...)...), ends(CloseBadRequest)},
		{"an id beyond 32 bits", false, frame(0x08, 0x80, 0x80, 0x80, 0x80, 0x10), ends(CloseBadRequest)},
		{"an id with a length", false, frame(0x0a, 0x01, 'x'), ends(CloseBadRequest)},
		{"an id of 4 bytes", false, frame(0x0d, 1, 0, 0, 0), ends(CloseBadRequest)},
		{"a call that is a number", false, frame(0x08, 2, 0x68, 1), ends(CloseBadRequest)},
		{"a call that is longer than its frame", false, frame(0x08, 2, 0x6a, 0x7f, 0x12), ends(CloseBadRequest)},
		{"a method that is a number", false, frame(0x08, 2, 0x6a, 2, 0x10, 1), ends(CloseBadRequest)},
		{"a method that is no UTF-8", false, frame(0x08, 2, 0x6a, 3, 0x12, 1, 0xff), ends(CloseBadRequest)},
		{"a group", false, frame(0x08, 2, 0x0b, 0x0c), ends(CloseBadRequest)},
		{"groups without end", false, frame(bytes.Repeat([]byte{0x0b}, 4000)...), ends(CloseBadRequest)},
		{"wire type 7", false, frame(0x0f), ends(CloseBadRequest)},
		{"two requests in one", false, frame(0x08, 2, 0x5a, 0, 0x62, 0), ends(CloseBadRequest)},
		{"a command without an id", false, frame(0x5a, 0), ends(CloseBadRequest)},
		{"too many commands", false, strings.Repeat("\x00", maxCommands+1), ends(CloseBadRequest)},
		{"a flag that is a string", false, frame(0x08, 2, 0x2a, 3, 0x1a, 1, 'x'), ends(CloseBadRequest)},
		{"a command before connect", true, as(`{"id":1,"rpc":{"method":"echo"}}`), ends(CloseBadRequest)},
		{"connect with data that is not JSON", true, frame(0x08, 1, 0x22, 3, 0x12, 1, 0xff), ends(CloseBadRequest)},
		{"a flood of pongs", false, strings.Repeat("\x00", maxCommands), goesOn},
		{"fields that are not known", false, frame(0x08, 2, 0x5a, 3, 0xa0, 0x06, 1, 0xa2, 0x06, 2, 0xff, 0xff, 0xa5, 0x06, 1, 2, 3, 4), goesOn},
		{"an id in two parts", false, frame(0x08, 1, 0x08, 2, 0x5a, 0), goesOn},
		{"an unknown command", false, frame(0x08, 2), refused(104)},
		{"a call with data that is not JSON", false, frame(0x08, 2, 0x6a, 9, 0x0a, 1, 0xff, 0x12, 4, 'e', 'c', 'h', 'o'), refused(107)},
		{"a call of nothing", false, as(`{"id":2,"rpc":{}}`), refused(107)},
		{"a limit of all bits", false, as(`{"id":2,"history":{"channel":"","limit":-1}}`), refused(107)},
	}
}

// TestHostileFrames: whatever is sent, it has the documented end, and the
// server goes on.
func TestHostileFrames(t *testing.T) {
	s := newSite(t, func(c *Config) {
		c.MaxMessage = tooBig
		c.Settings.PingOthers = time.Hour
	})
	for _, form := range []struct {
		name  string
		table []hostile
		enc   string
	}{{"JSON", hostileJSON(), protocolJSON}, {"Protobuf", hostileProtobuf(t), protocolProtobuf}} {
		for _, h := range form.table {
			t.Run(form.name+"/"+h.what, func(t *testing.T) {
				d := websocket.Dialer{Subprotocols: []string{form.enc}}
				ws, _, err := d.Dial(s.url, nil) //nolint:bodyclose // the library has read it
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = ws.Close() }()
				p := &plainPeer{t, ws, form.enc == protocolProtobuf}
				if !h.early {
					p.send(p.encode(`{"id":1,"connect":{"token":"visitor"}}`))
					p.until(1)
				}
				p.send([]byte(h.message))
				if h.fate.closed == 0 && h.fate.err == 0 {
					p.send(p.encode(`{"id":9,"rpc":{"method":"echo","data":{"still":"here"}}}`))
					if got := p.until(9); got != h.fate {
						t.Errorf("it led to %+v", got)
					}
					return
				}
				if got := p.until(2); got != h.fate {
					t.Errorf("it led to %+v, want %+v", got, h.fate)
				}
			})
		}
	}
	s.connect("visitor") // the server goes on
}

// plainPeer sends bytes and reads frames.
type plainPeer struct {
	t      *testing.T
	ws     *websocket.Conn
	binary bool
}

func (p *plainPeer) encode(frame string) []byte {
	if !p.binary {
		return []byte(frame)
	}
	message, err := toProtobuf(p.t, frame)
	if err != nil {
		p.t.Fatal(err)
	}
	return message
}

func (p *plainPeer) send(message []byte) {
	if err := p.ws.WriteMessage(websocket.TextMessage, message); err != nil {
		p.t.Fatal(err)
	}
}

// until reads to the reply to a command, or to the end.
func (p *plainPeer) until(id int) fate {
	for {
		_, message, err := p.ws.ReadMessage()
		if end := new(websocket.CloseError); asClose(err, &end) {
			return fate{closed: end.Code}
		}
		if err != nil {
			p.t.Fatal(err)
		}
		var frames []any
		if p.binary {
			frames = fromProtobuf(p.t, message)
		} else {
			for line := range strings.SplitSeq(string(message), "\n") {
				frames = append(frames, parse(p.t, []byte(line)))
			}
		}
		for _, f := range frames {
			text, err := json.Marshal(f)
			if err != nil {
				p.t.Fatal(err)
			}
			var reply struct {
				ID    int
				Error Error
			}
			if err := json.Unmarshal(text, &reply); err != nil {
				p.t.Fatal(err)
			}
			if reply.ID == id {
				return fate{err: reply.Error.Code}
			}
		}
	}
}
