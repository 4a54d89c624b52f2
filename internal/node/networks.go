package node

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// Networks are the address ranges of a setting. Its text is a list with commas
// between: 10.0.0.0/8, 192.168.1.7 (one address), or empty for none.
type Networks []netip.Prefix

func (n Networks) String() string {
	texts := make([]string, len(n))
	for i, p := range n {
		texts[i] = p.String()
		if p.IsSingleIP() {
			texts[i] = p.Addr().String()
		}
	}
	return strings.Join(texts, ",")
}

// MarshalText writes the list.
func (n Networks) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// UnmarshalText reads the list.
func (n *Networks) UnmarshalText(text []byte) error {
	*n = nil
	for part := range strings.SplitSeq(string(text), ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		prefix, err := netip.ParsePrefix(part)
		if err != nil {
			var addr netip.Addr
			if addr, err = netip.ParseAddr(part); err == nil {
				prefix = netip.PrefixFrom(addr, addr.BitLen())
			}
		}
		if err != nil {
			return fmt.Errorf("%q is neither a network such as 10.0.0.0/8 nor an address such as 192.168.1.7", part)
		}
		*n = append(*n, prefix.Masked())
	}
	return nil
}

// holds tells whether an address of a connection (host:port) is in the networks.
func (n Networks) holds(remote string) bool {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	addr = addr.Unmap().WithZone("")
	for _, p := range n {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
