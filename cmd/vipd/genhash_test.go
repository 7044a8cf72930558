package main

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestGenhash: the digest of the body alone, as a check compares it. Where
// keepalived's own genhash is there, it says the same.
func TestGenhash(t *testing.T) {
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host == "www.example.com" {
			w.Write([]byte("hello"))
		}
	})
	plain, secure := httptest.NewServer(page), httptest.NewTLSServer(page)
	defer plain.Close()
	defer secure.Close()
	for _, tt := range []struct {
		server *httptest.Server
		args   []string
		want   string
	}{
		{plain, []string{"-V", "www.example.com"}, "5d41402abc4b2a76b9719d911017c592\n"},
		{plain, []string{"-V", "www.example.com", "-P", "1.1", "-u", "/x"}, "5d41402abc4b2a76b9719d911017c592\n"},
		{plain, nil, "d41d8cd98f00b204e9800998ecf8427e\n"},
		{secure, []string{"-S", "-I", "-V", "www.example.com", "-P", "1.0c"}, "5d41402abc4b2a76b9719d911017c592\n"},
	} {
		host, port, err := net.SplitHostPort(tt.server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		cmd := genhashCommand()
		cmd.SetOut(&out)
		cmd.SetArgs(append([]string{"-s", host, "-p", port}, tt.args...))
		if err := cmd.Execute(); err != nil || out.String() != tt.want {
			t.Errorf("%v: %q, %v", tt.args, out.String(), err)
		}
		// The original needs a path.
		real := append([]string{"-s", host, "-p", port, "-u", "/"}, tt.args...)
		if theirs, err := exec.Command(genhashName, real...).Output(); !errors.Is(err, exec.ErrNotFound) && (err != nil || string(theirs) != tt.want) {
			t.Errorf("%v: genhash says %q, %v", real, theirs, err)
		}
		out.Reset()
		cmd.SetArgs(append([]string{"-s", host, "-p", port, "-v"}, tt.args...))
		if err := cmd.Execute(); err != nil || !strings.HasSuffix(out.String(), tt.want) || !strings.Contains(out.String(), "200 OK") {
			t.Errorf("%v and -v: %q, %v", tt.args, out.String(), err)
		}
	}
	for _, args := range [][]string{nil, {"-s", "127.0.0.1", "-P", "2"}} {
		if got := execute(append([]string{"genhash"}, args...)); got != exitUsage {
			t.Errorf("%v: exit code %d", args, got)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).String()
	l.Close()
	if got := execute([]string{"genhash", "-s", "127.0.0.1", "-p", port[strings.LastIndex(port, ":")+1:]}); got != exitProblem {
		t.Errorf("nobody there: exit code %d", got)
	}
}

// TestArguments: by which names and flags which command is meant.
func TestArguments(t *testing.T) {
	for line, want := range map[string]string{
		"vipd check x": "check x", "/usr/sbin/keepalived -n": "keepalived -n", "vipd keepalived -T -s a": "genhash -s a",
		"keepalived --genhash -s a": "genhash -s a", "/usr/bin/genhash -s a": "genhash -s a", "keepalived -n -T": "keepalived -n -T",
		"/usr/sbin/keepalived": "keepalived", "/usr/sbin/keepalived role router --realtime 1": "role router --realtime 1",
	} {
		if diff := cmp.Diff(strings.Fields(want), arguments(strings.Fields(line))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", line, diff)
		}
	}
}
