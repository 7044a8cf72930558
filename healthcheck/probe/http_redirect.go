package probe

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/vipd/vipd/healthcheck"
)

// isRedirect reports whether an answer sends us elsewhere with the same
// request (RFC 9110 section 15.4).
func isRedirect(resp *http.Response) bool {
	codes := []int{http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect}
	return slices.Contains(codes, resp.StatusCode) && resp.Header.Get("Location") != ""
}

// redirected returns the request that a Location field asks for. It goes to
// the same real server, whatever host is named: a name would lead to the
// virtual address, and the check would judge another server. Another scheme
// or port in the location is followed.
func (r request) redirected(location string) (request, error) {
	u, err := located(location)
	if err != nil {
		return r, err
	}
	if !u.IsAbs() && u.Host == "" {
		base, err := url.Parse(r.target)
		if err != nil {
			return r, err
		}
		r.target = base.ResolveReference(u).RequestURI()
		return r, nil
	}
	switch u.Scheme {
	case "http", "https":
		r.secure = u.Scheme == "https"
	case "":
	default:
		return r, &failure{healthcheck.ClassProtocol, fmt.Sprintf("redirect to %q, which is not http or https", shorten(location))}
	}
	r.host, r.target = u.Host, u.RequestURI()
	r.port = usualPort(r.secure)
	if p, err := strconv.ParseUint(u.Port(), 10, 16); err == nil {
		r.port = uint16(p)
	}
	return r, nil
}

// through returns the request to a proxy that a Location field asks for: it is the
// proxy that goes there.
func (r request) through(location string) (request, error) {
	u, err := located(location)
	if err != nil {
		return r, err
	}
	base, err := url.Parse(r.target)
	if err != nil {
		return r, err
	}
	if u = base.ResolveReference(u); u.Scheme != "http" {
		return r, &failure{healthcheck.ClassStatus, fmt.Sprintf("redirect to %q, which a proxy is not asked for in plain text", shorten(location))}
	}
	u.User, u.Fragment = nil, ""
	r.host, r.target = u.Host, u.String()
	return r, nil
}

// located reads a Location field. What it names is written into the next request,
// so nothing in it may end a line or a word.
func located(location string) (*url.URL, error) {
	u, err := url.Parse(location)
	if err != nil || strings.ContainsFunc(location, func(c rune) bool { return c <= ' ' || c > '~' }) || strings.ContainsAny(u.Host, " %") {
		return nil, &failure{healthcheck.ClassProtocol, fmt.Sprintf("redirect to %q, which is no URL", shorten(location))}
	}
	return u, nil
}

func usualPort(secure bool) uint16 {
	if secure {
		return 443
	}
	return 80
}

// hostOf writes an address as a Host field: without zone, and without the
// port when it is the scheme's own (RFC 9110 section 4.2.1).
func hostOf(target netip.AddrPort, secure bool) string {
	target = spoken(target)
	switch {
	case target.Port() != usualPort(secure):
		return target.String()
	case target.Addr().Is6():
		return "[" + target.Addr().String() + "]"
	}
	return target.Addr().String()
}

func withPort(a netip.AddrPort, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr(), port)
}
