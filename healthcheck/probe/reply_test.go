package probe

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// whole feeds an answer in pieces and ends it.
func whole(answer []byte, piece int, method string) (*reply, error) {
	r := &reply{}
	r.begin(method, true, func(status int) bool { return status >= 200 })
	for rest := answer; len(rest) > 0; {
		n := min(piece, len(rest))
		if err := r.feed(rest[:n]); err != nil {
			return r, err
		}
		rest = rest[n:]
	}
	return r, r.end()
}

// library reads the same with net/http.
func library(answer []byte, method string) (status int, body []byte, err error) {
	in := bufio.NewReader(bytes.NewReader(answer))
	for {
		resp, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			return 0, nil, err
		}
		if resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
			return resp.StatusCode, body, err
		}
	}
}

func TestReplyInPieces(t *testing.T) {
	for name, c := range map[string]struct {
		answer, method string
		status         int
		body           string
		failed         string
	}{
		"counted":        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more", "GET", 200, "hello", ""},
		"to the end":     {"HTTP/1.1 200 OK\r\n\r\nhello", "GET", 200, "hello", ""},
		"no body":        {"HTTP/1.1 204 No Content\r\n\r\nhello", "GET", 204, "", ""},
		"head":           {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD", 200, "", ""},
		"line feeds":     {"HTTP/1.0 200 OK\nContent-Length: 5\n\nhello", "GET", 200, "hello", ""},
		"hints first":    {"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhello", "GET", 200, "hello", ""},
		"chunks":         {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n00A \r\n, everyone\r\n0\r\nX: y\r\n\r\n", "GET", 200, "hello, everyone", ""},
		"half a chunk":   {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", "GET", 200, "hel", "unexpected EOF"},
		"bad chunk":      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello", "GET", 200, "", `a chunk of the body begins with "-5"`},
		"chunk goes on":  {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n", "GET", 200, "hello", `a chunk of the body ends with "!"`},
		"endless line":   {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("0", 2*maxLine), "GET", 200, "", "a line between chunks of the body exceeds 4096 bytes"},
		"nothing":        {"", "GET", 0, "", "EOF"},
		"another server": {"SSH-2.0-OpenSSH\r\n", "GET", 0, "", `malformed HTTP version "SSH-2.0-OpenSSH"`},
	} {
		for piece := range 40 {
			r, err := whole([]byte(c.answer), piece+1, c.method)
			failed := ""
			if err != nil {
				failed = err.Error()
			}
			if c.failed != "" && strings.HasPrefix(failed, "malformed") {
				failed = c.failed // the words are the library's
			}
			if diff := cmp.Diff([]any{c.status, c.body, c.failed}, []any{r.status, string(r.body), failed}); diff != "" {
				t.Errorf("%s in pieces of %d (-want +got):\n%s", name, piece+1, diff)
			}
		}
	}
}

func TestReplyIsBounded(t *testing.T) {
	r, err := whole(append([]byte("HTTP/1.1 200 OK\r\n\r\n"), make([]byte, 2*maxBody)...), 1000, "GET")
	if err != nil || len(r.body) != maxBody || r.part != complete {
		t.Errorf("%d bytes of body, error %v", len(r.body), err)
	}
	r.forget()
	if cap(r.body) != 0 {
		t.Errorf("%d bytes are kept for the next answer", cap(r.body))
	}
}

// FuzzReply compares with net/http what both of them take for an answer.
func FuzzReply(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 OK\r\n\r\nhello", "HTTP/1.0 404 No\n\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 304 A\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA;b \r\n0123456789\r\n0\r\na: b\r\n\r\n",
	} {
		f.Add([]byte(seed), uint8(3), false)
	}
	f.Fuzz(func(t *testing.T, answer []byte, piece uint8, head bool) {
		method := http.MethodGet
		if head {
			method = http.MethodHead
		}
		status, body, err := library(answer, method)
		got, failed := whole(answer, int(piece)+1, method)
		if got.size > maxBody || len(got.head) > maxHeader+256 {
			t.Fatalf("%d bytes of body, %d of header kept", got.size, len(got.head))
		}
		var strict *failure
		if err == nil && errors.As(failed, &strict) {
			return // we may be stricter about chunks, but must say why
		}
		if (err == nil) != (failed == nil) {
			t.Fatalf("net/http says %v, we say %v", err, failed)
		}
		if err == nil && (status != got.status || !bytes.Equal(body, got.body)) {
			t.Fatalf("net/http: status %d, body %q; we: %d, %q", status, body, got.status, got.body)
		}
	})
}
