package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/evenkeel/evenkeel"
	"github.com/evenkeel/evenkeel/internal/desk"
)

// clusterPort is where nodes talk to each other, if nothing else is said and it
// is free.
const clusterPort = 7400

// listenCluster takes the address for other nodes: the configured one; else that
// port by which the cell knows this node; else the usual one; else any.
func (n *Node) listenCluster(ctx context.Context) (net.Listener, error) {
	var lc net.ListenConfig
	if n.cfg.Cluster != "" {
		l, err := lc.Listen(ctx, "tcp", n.cfg.Cluster)
		if addressInUse(err) {
			return nil, fmt.Errorf("listen on %s for other nodes: another program has this port; stop it, or choose another with --cluster", n.cfg.Cluster)
		} else if err != nil {
			return nil, fmt.Errorf("listen on the address of --cluster: %w", err)
		}
		return l, nil
	}
	ports := []int{clusterPort, 0}
	if n.replica != nil {
		n.replica.View(func(d *desk.Desk) {
			for _, m := range d.Nodes() {
				if _, port, err := net.SplitHostPort(m.Address); err == nil && m.Number == n.replica.ID() {
					if known, err := strconv.Atoi(port); err == nil {
						ports = []int{known, 0}
					}
				}
			}
		})
	}
	var last error
	for _, port := range ports {
		l, err := lc.Listen(ctx, "tcp", ":"+strconv.Itoa(port))
		if err == nil {
			return l, nil
		}
		last = errors.Join(last, err)
	}
	return nil, fmt.Errorf("listen for other nodes (--cluster gives an address): %w", last)
}

// clusterAddress is where other nodes reach this one.
func (n *Node) clusterAddress() string {
	if n.cfg.ClusterAdvertise != "" {
		return n.cfg.ClusterAdvertise
	}
	host, port, err := net.SplitHostPort(n.clusterListener.Addr().String())
	if err != nil {
		return n.clusterListener.Addr().String()
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsUnspecified() {
		return net.JoinHostPort(host, port)
	}
	if n.outward != "" {
		return net.JoinHostPort(n.outward, port)
	}
	return net.JoinHostPort(machineAddress(), port)
}

// clusterSource is the address from which this node calls others: the one to which
// --cluster binds it; nil: any.
func (n *Node) clusterSource() net.IP {
	host, _, err := net.SplitHostPort(n.cfg.Cluster)
	if err != nil {
		return nil
	}
	if ip := net.ParseIP(host); ip != nil && !ip.IsUnspecified() {
		return ip
	}
	return nil
}

// machineAddress is an address of this machine that others can use: the first
// that is not for itself only.
func machineAddress() string {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return "127.0.0.1"
	}
	best := "127.0.0.1"
	for _, a := range addresses {
		network, ok := a.(*net.IPNet)
		if !ok || !network.IP.IsGlobalUnicast() {
			continue
		}
		if network.IP.To4() != nil {
			return network.IP.String()
		}
		best = network.IP.String()
	}
	return best
}

// outwardTo is the address of this machine from which it reaches another.
func outwardTo(address string) string {
	conn, err := net.Dial("udp", withPort(address)) // sends nothing
	if err != nil {
		return ""
	}
	defer conn.Close()
	host, _, err := net.SplitHostPort(conn.LocalAddr().String())
	if err != nil {
		return ""
	}
	return host
}

// withPort adds the usual port to an address that has none.
func withPort(address string) string {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return net.JoinHostPort(address, strconv.Itoa(clusterPort))
	}
	return address
}

// facts are what this node says of itself when its process starts.
func (n *Node) facts() evenkeel.NodeFacts {
	return evenkeel.NodeFacts{
		Name: n.name, Address: n.clusterAddress(), URL: n.siteURL(), Roles: []string{"core", "edge"}, Version: n.host.Version, Level: desk.FeatureLevel,
	}
}

// siteURL is where clients reach this node: at what is advertised, or at the address
// of this machine by which other nodes reach it.
func (n *Node) siteURL() string {
	if n.cfg.Advertise != "" {
		return n.cfg.Advertise
	}
	host, port, err := net.SplitHostPort(n.Addr().String())
	if err != nil {
		return n.URL()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		if host, _, err = net.SplitHostPort(n.clusterAddress()); err != nil {
			return n.URL()
		}
	}
	return "http://" + net.JoinHostPort(host, port)
}
