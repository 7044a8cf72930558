package keepalived

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"github.com/vipd/vipd/healthcheck"
)

func ofCheck[T any](f func(*check) **T) field[T] {
	return func(r *reader) **T { return f(r.chk) }
}

func ofURL[T any](f func(*url) **T) field[T] {
	return func(r *reader) **T { return f(r.url) }
}

// checkBlocks are the kinds of checks.
func checkBlocks() []*keyword {
	return concat(
		many(
			checkBlock("TCP_CHECK", healthcheck.KindTCP, nil),
			checkBlock("HTTP_GET", healthcheck.KindHTTP, httpKeywords(forTLS)),
			checkBlock("SSL_GET", healthcheck.KindHTTPS, httpKeywords("")),
			checkBlock("SMTP_CHECK", healthcheck.KindSMTP, smtpKeywords()),
			checkBlock("DNS_CHECK", healthcheck.KindDNS, many(
				does("type", text(ofCheck(func(c *check) **string { return &c.dnsType }))),
				does("name", text(ofCheck(func(c *check) **string { return &c.query }))),
			)),
			checkBlock("PING_CHECK", healthcheck.KindPing, nil),
			checkBlock("UDP_CHECK", healthcheck.KindUDP, udpKeywords()),
			checkBlock("MISC_CHECK", healthcheck.KindScript, many(
				does("misc_path", command(ofCheck(func(c *check) **program { return &c.path }))),
				does("misc_timeout", seconds(ofCheck(func(c *check) **time.Duration { return &c.scriptTimeout }))),
				does("misc_dynamic", toggle(ofCheck(func(c *check) **bool { return &c.dynamic }))),
				does("user", account(ofCheck(func(c *check) **string { return &c.user }))),
			)),
			checkBlock("FILE_CHECK", healthcheck.KindFile, many(
				does("track_file", text(ofCheck(func(c *check) **string { return &c.file }))),
				does("weight", integer(-1<<31+1, 1<<31-1, ofCheck(func(c *check) **int { return &c.weight }))),
			)),
		),
		bfdCheck(),
	)
}

// bfdCheck is refused with all that belongs to it.
func bfdCheck() []*keyword {
	k := refused(noBFD, "BFD_CHECK")
	k[0].free = refused(noBFD, "name", "alpha")
	return k
}

// checkBlock is a kind of check with what all have and what it has.
func checkBlock(name string, kind healthcheck.Kind, own []*keyword) *keyword {
	var common [][]*keyword
	switch kind {
	case healthcheck.KindFile: // it changes when the file does
	case healthcheck.KindScript:
		common = [][]*keyword{scheduleKeywords()}
	default:
		common = [][]*keyword{portKeywords(kind), connectKeywords(kind), scheduleKeywords()}
	}
	return block(name, func(r *reader, s *statement) {
		r.chk = &check{at: s.where(0), kind: kind}
		r.rs.checks = append(r.rs.checks, r.chk)
	}, nil, append(common, own)...)
}

// portKeywords are those of kinds that send from a port.
func portKeywords(kind healthcheck.Kind) []*keyword {
	if kind == healthcheck.KindPing {
		return without("such a check has no port", "bind_port")
	}
	return many(does("bind_port", integer(1, 65535, ofCheck(func(c *check) **int { return &c.sourcePort }))))
}

// connectKeywords say where a check goes and how.
func connectKeywords(kind healthcheck.Kind) []*keyword {
	remark := ""
	if kind == healthcheck.KindPing {
		remark = "a ping has no port, in keepalived neither"
	}
	return concat(connectTimeout(func(r *reader) *timing { return &r.chk.timing }), many(
		does("connect_ip", address(ofCheck(func(c *check) **netip.Addr { return &c.address }))),
		does("connect_port", integer(1, 65535, ofCheck(func(c *check) **int { return &c.port }))).note(remark),
		does("bindto", address(ofCheck(func(c *check) **netip.Addr { return &c.source }))),
		does("bind_if", text(ofCheck(func(c *check) **string { return &c.iface }))),
		does("fwmark", integer(0, 1<<32-1, ofCheck(func(c *check) **int { return &c.mark }))),
	))
}

// scheduleKeywords say when a check is made and what its results mean.
func scheduleKeywords() []*keyword {
	return concat(
		timingKeywords(0, func(r *reader) *timing { return &r.chk.timing }),
		many(does("log_all_failures", toggle(ofCheck(func(c *check) **bool { return &c.logFailures })))),
	)
}

// forTLS is what HTTP_GET makes of words about TLS.
const forTLS = "for SSL_GET, as in keepalived"

func httpKeywords(tls string) []*keyword {
	return concat(hostKeyword(func(r *reader) *timing { return &r.chk.timing }), many(
		does("nb_get_retry", func(r *reader, s *statement) {
			r.warnf(s.where(0), "old_name", "retry", "nb_get_retry is the old name of retry")
			integer(0, 1_000_000, ofCheck(func(c *check) **int { return &c.retry }))(r, s)
		}).note("old name of retry"),
		does("http_protocol", func(r *reader, s *statement) {
			word, ok := r.value(s, 1)
			if known := httpVersion(word); ok && !strings.EqualFold(word, string(known)) {
				r.invalid(s, 1, "is none of 1.0, 1.0c, 1.0k, 1.1, 1.1k")
			} else if ok {
				r.chk.protocol = &word
			}
		}),
		does("enable_sni", toggle(ofCheck(func(c *check) **bool { return &c.sni }))).note(tls),
		does("sni_name", text(ofCheck(func(c *check) **string { return &c.sniName }))).note(tls),
		block("url", func(r *reader, s *statement) {
			r.url = &url{at: s.where(0)}
			r.chk.urls = append(r.chk.urls, r.url)
		}, nil, urlKeywords(tls)),
	),
		many(
			does("fast_recovery", nil).note("always so: every url is a check of its own, and none waits for another"),
			does("tls_compliant", toggle(ofCheck(func(c *check) **bool { return &c.tlsClose }))).note(tls),
		),
	)
}

func urlKeywords(tls string) []*keyword {
	return concat(many(
		does("path", text(ofURL(func(u *url) **string { return &u.path }))),
		does("digest", func(r *reader, s *statement) {
			digest, ok := r.value(s, 1)
			if octets, err := hex.DecodeString(digest); ok && (err != nil || len(octets) != md5.Size) {
				r.invalid(s, 1, "is no digest of 32 hexadecimal digits")
			} else if ok {
				r.url.digest = &digest
			}
		}),
		does("status_code", readStatus),
		does("virtualhost", text(ofURL(func(u *url) **string { return &u.host }))),
		does("regex", text(ofURL(func(u *url) **string { return &u.regex }))).note("RE2 syntax: no look-around, no back-references"),
		does("regex_no_match", toggle(ofURL(func(u *url) **bool { return &u.noMatch }))),
		does("regex_options", readRegexOptions).note("those that RE2 has: caseless, multiline, dotall, ungreedy, anchored"),
		does("regex_min_offset", integer(0, maxOffset, ofURL(func(u *url) **int { return &u.from }))),
		does("regex_max_offset", integer(0, maxOffset, ofURL(func(u *url) **int { return &u.to }))),
	),
		many(does("tls_compliant", toggle(ofURL(func(u *url) **bool { return &u.tlsClose }))).note(tls)),
		without("RE2 needs no stack", "regex_stack"),
	)
}

// statusCode is a code or a range of codes that keepalived takes.
var statusCode = regexp.MustCompile(`^[1-5][0-9][0-9](-[1-5][0-9][0-9])?$`)

// readStatus reads codes and ranges, with blanks or commas between.
func readStatus(r *reader, s *statement) {
	if _, ok := r.value(s, 1); !ok {
		return
	}
	var codes []string
	for i := range s.args() {
		for code := range strings.SplitSeq(s.arg(i+1), ",") {
			switch {
			case statusCode.MatchString(code):
				codes = append(codes, code)
			case code != "":
				r.invalid(s, i+1, "is no status code from 100 to 599")
			}
		}
	}
	r.url.status = strings.Join(codes, ",")
}

// maxOffset is the longest repetition that RE2 knows.
const maxOffset = 1000

// regexFlags are options of PCRE2 as RE2 writes them; those without a letter
// have no effect on what matches here.
var regexFlags = map[string]string{
	"caseless": "i", "multiline": "m", "dotall": "s", "ungreedy": "U", "utf": "", "ucp": "", "no_utf_check": "", "no_start_optimize": "",
	"no_auto_possess": "", "no_auto_capture": "", "no_dotstar_anchor": "",
}

func readRegexOptions(r *reader, s *statement) {
	for i := 1; i < len(s.words); i++ {
		letter, known := regexFlags[s.arg(i)]
		switch {
		case s.arg(i) == "anchored":
			r.url.anchored = true
		case !known:
			r.errorf(s.where(i), "not_supported", "", "regex_options %s is not supported: RE2 does not have it", s.arg(i))
		default:
			r.url.flags += letter
		}
	}
}

// pattern is the expression of a url as RE2 needs it.
func (u *url) pattern() string {
	text := or(u.regex, "")
	if text == "" {
		return ""
	}
	if u.flags != "" {
		text = "(?" + u.flags + ":" + text + ")"
	}
	low, high := or(u.from, 0), -1
	switch {
	case u.anchored:
		high = low
	case u.to != nil:
		high = max(*u.to, low)
	}
	switch {
	case high >= 0:
		return fmt.Sprintf(`\A(?s:.{%d,%d}?)(?:%s)`, low, high, text)
	case low > 0:
		return fmt.Sprintf(`\A(?s:.{%d}.*?)(?:%s)`, low, text)
	}
	return text
}

func smtpKeywords() []*keyword {
	return many(
		does("helo_name", text(ofCheck(func(c *check) **string { return &c.hello }))),
		block("host", nil, nil, portKeywords(healthcheck.KindSMTP), connectKeywords(healthcheck.KindSMTP), scheduleKeywords()).note("old form: its settings are those of the check"),
	)
}

// octets reads groups of hexadecimal digits, two for each octet; one that is left
// is an octet as well.
func octets(groups []string) ([]byte, error) {
	var out []byte
	for _, g := range groups {
		if len(g)%2 == 1 {
			g = g[:len(g)-1] + "0" + g[len(g)-1:]
		}
		some, err := hex.DecodeString(g)
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
	}
	return out, nil
}

func udpKeywords() []*keyword {
	return many(
		does("payload", func(r *reader, s *statement) {
			if _, ok := r.value(s, 1); !ok {
				return
			}
			payload, err := octets(s.args())
			if err != nil {
				r.invalid(s, 1, "is not hexadecimal")
				return
			}
			r.chk.payload = payload
		}),
		does("require_reply", func(r *reader, s *statement) {
			r.chk.wantReply = true
			if len(s.words) > 1 {
				reply := strings.Join(s.args(), "")
				r.chk.reply = &reply
			}
		}),
		does("min_reply_length", integer(0, 65535, ofCheck(func(c *check) **int { return &c.replyLeast }))),
		does("max_reply_length", integer(1, 65535, ofCheck(func(c *check) **int { return &c.replyMost }))),
	)
}
