package conf

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/vipd/vipd/healthcheck"
)

// repeated are virtual servers that say the same again and again.
const repeated = `version = 1

virtual_server "a" {
  address = "192.0.2.10:80"
  forward = "direct"

  check "http" {
    interval = "2s"
    path     = "/health"
  }

  real_server "192.0.2.11:80" {}
  real_server "192.0.2.12:80" {}
}

virtual_server "b" {
  address = "192.0.2.11:80"
  forward = "direct"

  check "http" {
    interval = "2s"
    path     = "/health"
  }

  check "tcp" {
    timeout = "1s"
  }

  real_server "192.0.2.13:80" {}
  real_server "192.0.2.19:80" {}

  real_server "192.0.2.14:80" {
    check "http" {
      interval = "2s"
      path     = "/deep"
    }
  }
}

virtual_server "c" {
  address = "192.0.2.12:80"
  forward = "direct"

  real_server "192.0.2.15:80" {
    check "http" {
      interval = "3s"
      timeout  = "1s"
      path     = "/a"
    }
  }

  real_server "192.0.2.16:80" {
    check "http" {
      interval = "3s"
      timeout  = "1s"
      path     = "/b"
    }
  }
}

virtual_server "d" {
  address = "192.0.2.13:80"
  forward = "direct"

  check "tcp" {
    timeout = "1s"
  }

  real_server "192.0.2.17:80" {}
  real_server "192.0.2.20:80" {}

  real_server "192.0.2.18:80" {
    check "http" {
      interval = "2s"
      path     = "/deep"
    }
  }
}
`

// saidOnce is the same without repetition: checks of one key stay where they are.
const saidOnce = `version = 1

check "http" "http-health" {
  interval = "2s"
  path     = "/health"
}

check "http" "http-deep" {
  interval = "2s"
  path     = "/deep"
}

virtual_server "a" {
  address = "192.0.2.10:80"
  forward = "direct"
  checks  = ["http-health"]

  real_server "192.0.2.11:80" {}
  real_server "192.0.2.12:80" {}
}

virtual_server "b" {
  address = "192.0.2.11:80"
  forward = "direct"
  checks  = ["http-health"]

  check "tcp" {
    timeout = "1s"
  }

  real_server "192.0.2.13:80" {}
  real_server "192.0.2.19:80" {}

  real_server "192.0.2.14:80" {
    checks = ["http-deep"]
  }
}

virtual_server "c" {
  address = "192.0.2.12:80"
  forward = "direct"

  check_defaults "http" {
    interval = "3s"
    timeout  = "1s"
  }

  real_server "192.0.2.15:80" {
    check "http" {
      path = "/a"
    }
  }

  real_server "192.0.2.16:80" {
    check "http" {
      path = "/b"
    }
  }
}

virtual_server "d" {
  address = "192.0.2.13:80"
  forward = "direct"

  check "tcp" {
    timeout = "1s"
  }

  real_server "192.0.2.17:80" {}
  real_server "192.0.2.20:80" {}

  real_server "192.0.2.18:80" {
    checks = ["http-deep"]
  }
}
`

// TestShareChecks: what is repeated is said once and means what it did.
func TestShareChecks(t *testing.T) {
	want := readBack(t, []byte(repeated), "")
	d := Compose([]Node{{"", want}})
	if diff := cmp.Diff(repeated, string(d.Bytes())); diff != "" {
		t.Fatalf("written (-want +got):\n%s", diff)
	}
	d.ShareChecks()
	if diff := cmp.Diff(saidOnce, string(d.Bytes())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got := readBack(t, d.Bytes(), "")
	if !SameInEffect(want, got) || Same(want, got) {
		t.Errorf("means the same: %v, the names as well: %v", SameInEffect(want, got), Same(want, got))
	}
}

// TestCommonChecks: the checks of most real servers are the service's, where the
// others have their own in their place.
func TestCommonChecks(t *testing.T) {
	const service = "version = 1\nvirtual_server \"a\" {\n address = \"192.0.2.10:80\"\n forward = \"direct\"\n"
	for _, c := range []struct {
		name, servers string
		want          int // checks of the service
	}{
		{"one", "real_server \"192.0.2.1\" {\n check \"tcp\" {}\n}\n", 1},
		{"all the same", "real_server \"192.0.2.1\" {\n check \"tcp\" {}\n}\nreal_server \"192.0.2.2\" {\n check \"tcp\" {}\n}\n", 1},
		{"all different", "real_server \"192.0.2.1\" {\n check \"tcp\" {}\n}\nreal_server \"192.0.2.2\" {\n check \"tcp\" {\n port = 1\n }\n}\n", 0},
		{"one of its own", "real_server \"192.0.2.1\" {\n check \"tcp\" {}\n}\nreal_server \"192.0.2.2\" {\n check \"tcp\" {}\n}\nreal_server \"192.0.2.3\" {\n check \"tcp\" {\n port = 1\n }\n}\n", 1},
		{"one without", "real_server \"192.0.2.1\" {\n check \"tcp\" {}\n}\nreal_server \"192.0.2.2\" {\n check \"tcp\" {}\n}\nreal_server \"192.0.2.3\" {}\n", 0},
		{"one of another kind", "real_server \"192.0.2.1\" {\n check \"tcp\" {}\n}\nreal_server \"192.0.2.2\" {\n check \"tcp\" {}\n}\nreal_server \"192.0.2.3\" {\n check \"http\" {}\n}\n", 0},
	} {
		want := readBack(t, []byte(service+c.servers+"}\n"), "")
		if got := commonChecks(&want.Services[0]); len(got) != c.want {
			t.Errorf("%s: %d checks", c.name, len(got))
		}
		text := Write([]Node{{"", want}})
		if diff := cmp.Diff(want, readBack(t, text, ""), sameModel...); diff != "" {
			t.Errorf("%s: read back (-want +got):\n%s\n%s", c.name, diff, text)
		}
	}
}

// TestDefaultsOfChecks: a check has what it says, then what the check_defaults of
// its kind say, then what is usual; one of the top level has the last alone.
func TestDefaultsOfChecks(t *testing.T) {
	c := readBack(t, []byte(`version = 1
check "http" "named" {
  path = "/named"
}
virtual_server "a" {
  address = "192.0.2.10:80"
  forward = "direct"
  check_defaults "http" {
    interval = "9s"
    fall     = 7
    path     = "/usual"
  }
  check "http" {
    fall = 3
  }
  check "tcp" {}
  real_server "192.0.2.1" {}
  real_server "192.0.2.2" {
    check "http" {
      paths = ["/a", "/b"]
    }
  }
  real_server "192.0.2.3" {
    checks = ["named"]
  }
}
`), "")
	var got []string
	for _, rs := range c.Services[0].RealServers {
		for _, ck := range c.Services[0].Checks[rs.Address] {
			line := rs.Address.Addr().String() + " " + string(ck.Settings.Kind)
			if p, is := ck.Settings.Params.(healthcheck.HTTP); is {
				line += " " + strings.Join(p.Paths.All(), " ")
			}
			got = append(got, fmt.Sprintf("%s every %v, down after %d", line, ck.Timing.Interval, ck.Timing.Fall))
		}
	}
	want := []string{
		"192.0.2.1 http /usual every 9s, down after 3", "192.0.2.1 tcp every 5s, down after 2",
		"192.0.2.2 tcp every 5s, down after 2", "192.0.2.2 http /a /b every 9s, down after 7",
		"192.0.2.3 tcp every 5s, down after 2", "192.0.2.3 http /named every 5s, down after 2",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestSharingNeverChangesMeaning: whatever checks virtual servers have, they have
// them after repetition was taken out as well, in the same order.
func TestSharingNeverChangesMeaning(t *testing.T) {
	checks := rapid.SampledFrom([]string{
		"check \"tcp\" {}", "check \"tcp\" {\n timeout = \"1s\"\n}", "check \"tcp\" {\n timeout = \"1s\"\n fall = 3\n port = 81\n}",
		"check \"http\" {\n timeout = \"1s\"\n fall = 3\n path = \"/a\"\n}", "check \"http\" {\n timeout = \"1s\"\n fall = 3\n path = \"/b\"\n}",
		"check \"http\" {\n timeout = \"1s\"\n fall = 3\n paths = [\"/a\", \"/b\"]\n}", "check \"ping\" {\n fall = 3\n rise = 2\n}",
		"check \"script\" {\n command = [\"/bin/true\", \"{service}\"]\n fall = 3\n}",
	})
	some := rapid.SliceOfN(checks, 0, 3)
	rapid.Check(t, func(rt *rapid.T) {
		text := "version = 1\n"
		for s := range rapid.IntRange(1, 4).Draw(rt, "services") {
			text += fmt.Sprintf("virtual_server \"%d\" {\n address = \"192.0.2.%d:80\"\n forward = \"direct\"\n%s\n", s, s, strings.Join(some.Draw(rt, "checks"), "\n"))
			for i := range rapid.IntRange(1, 4).Draw(rt, "servers") {
				text += fmt.Sprintf("real_server \"192.0.2.%d\" {\n%s\n}\n", 10+i, strings.Join(some.Draw(rt, "own"), "\n"))
			}
			text += "}\n"
		}
		want := readBack(t, []byte(text), "")
		written := Write([]Node{{"", want}})
		if diff := cmp.Diff(want, readBack(t, written, ""), sameModel...); diff != "" {
			rt.Fatalf("written and read (-want +got):\n%s\n%s", diff, written)
		}
		d := Compose([]Node{{"", want}})
		d.ShareChecks()
		if !SameInEffect(want, readBack(t, d.Bytes(), "")) {
			rt.Fatalf("\n%s\nbecame\n%s", text, d.Bytes())
		}
	})
}
