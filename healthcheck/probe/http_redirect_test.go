package probe

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/healthcheck"
)

// TestRedirectsThroughAProxy: the proxy is asked for what a redirect names, and
// nobody else is.
func TestRedirectsThroughAProxy(t *testing.T) {
	var asked []string
	target := page(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Host+" "+r.RequestURI)
		switch r.URL.Path {
		case "/":
			w.Header().Set("Location", "next?a=b")
		case "/next":
			w.Header().Set("Location", "http://other.example.com:8080/there#part")
		case "/secure":
			w.Header().Set("Location", "https://www.example.com/")
		default:
			hello(w, r)
			return
		}
		w.WriteHeader(http.StatusFound)
	})
	ask := func(url string) healthcheck.Key {
		return keyOf(healthcheck.KindHTTPProxy, target, asking(func(h *healthcheck.HTTP) {
			h.Paths, h.Redirects, h.Expect = healthcheck.ListOf(url), 3, "alive"
		}))
	}
	expect(t, New(Options{}), ask("http://www.example.com/"), healthcheck.ClassOK, "HTTP status 200")
	want := []string{
		"www.example.com http://www.example.com/", "www.example.com http://www.example.com/next?a=b",
		"other.example.com:8080 http://other.example.com:8080/there",
	}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	expect(t, New(Options{}), ask("http://www.example.com/secure"), healthcheck.ClassStatus,
		`redirect to "https://www.example.com/", which a proxy is not asked for in plain text`)
}

func TestRedirectsToNonsense(t *testing.T) {
	here := request{port: 80, host: "www.example.com", target: "http://www.example.com/"}
	for location, reason := range map[string]string{
		"/a b":                `redirect to "/a b", which is no URL`,
		"http://[::1%25%20]/": `redirect to "http://[::1%25%20]/", which is no URL`,
		"%zz":                 `redirect to "%zz", which is no URL`,
		"ftp://a/":            `redirect to "ftp://a/", which is not http or https`,
	} {
		if _, err := here.redirected(location); err == nil || err.Error() != reason {
			t.Errorf("%q: %v, want %s", location, err, reason)
		}
	}
}
