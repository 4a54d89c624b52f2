//evenkeel:shell

package edge

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Proxies are the networks of the reverse proxies that this node believes when
// they tell for whom they ask. Of everybody else such headers are ignored.
type Proxies []netip.Prefix

// ParseProxies reads a list of addresses and networks in CIDR form, with commas
// between them.
func ParseProxies(list string) (Proxies, error) {
	var proxies Proxies
	for item := range strings.SplitSeq(list, ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		network, err := netip.ParsePrefix(item)
		if err != nil {
			ip, err := netip.ParseAddr(item)
			if err != nil {
				return nil, fmt.Errorf("%q is neither an address nor a network such as 10.0.0.0/8", item)
			}
			network = netip.PrefixFrom(ip, ip.BitLen())
		}
		proxies = append(proxies, network.Masked())
	}
	return proxies, nil
}

// Handler gives requests that came through a trusted proxy the address and the
// scheme of the caller in front of it, as RemoteAddr and URL.Scheme.
func (p Proxies) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Scheme = "http"
		if r.TLS != nil {
			r.URL.Scheme = "https"
		}
		if ip, ok := hostIP(r.RemoteAddr); ok && p.trusts(ip) {
			caller, scheme := p.behind(ip, r.Header)
			if caller != ip {
				r.RemoteAddr = net.JoinHostPort(caller.String(), "0") // the port is not told
			}
			if scheme != "" {
				r.URL.Scheme = scheme
			}
		}
		next.ServeHTTP(w, r)
	})
}

func (p Proxies) trusts(ip netip.Addr) bool {
	for _, network := range p {
		if network.Contains(ip) {
			return true
		}
	}
	return false
}

// behind finds the caller: the nearest address that is not a trusted proxy's.
// Each proxy adds to the end of the list, so only the end is to be believed:
// what stands before an untrusted address was written by it. An entry that is
// no address ends the search.
func (p Proxies) behind(proxy netip.Addr, h http.Header) (caller netip.Addr, scheme string) {
	hops, scheme := forwarded(h)
	caller = proxy
	for i := len(hops) - 1; i >= 0 && p.trusts(caller); i-- {
		ip, ok := hostIP(hops[i])
		if !ok {
			break
		}
		caller = ip
	}
	return caller, scheme
}

// forwarded reads X-Forwarded-For and X-Forwarded-Proto or, without the former,
// Forwarded (RFC 7239). The scheme is the one that the nearest proxy tells.
func forwarded(h http.Header) (hops []string, scheme string) {
	for _, line := range h.Values("X-Forwarded-For") {
		for hop := range strings.SplitSeq(line, ",") {
			hops = append(hops, strings.TrimSpace(hop))
		}
	}
	scheme = lastOf(h.Values("X-Forwarded-Proto"))
	if hops == nil {
		for _, line := range h.Values("Forwarded") {
			for element := range strings.SplitSeq(line, ",") {
				hop := ""
				for pair := range strings.SplitSeq(element, ";") {
					name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
					switch strings.ToLower(name) {
					case "for":
						hop = strings.Trim(value, `"`)
					case "proto":
						scheme = strings.Trim(value, `"`)
					}
				}
				hops = append(hops, hop)
			}
		}
	}
	if scheme = strings.ToLower(scheme); scheme != "http" && scheme != "https" {
		scheme = ""
	}
	return hops, scheme
}

func lastOf(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	items := strings.Split(lines[len(lines)-1], ",")
	return strings.TrimSpace(items[len(items)-1])
}

// hostIP reads an address with or without a port.
func hostIP(s string) (netip.Addr, bool) {
	if host, _, err := net.SplitHostPort(s); err == nil {
		s = host
	}
	ip, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return ip.Unmap().WithZone(""), err == nil
}
