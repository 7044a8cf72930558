package daemon

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vipd/vipd/conf"
	"github.com/vipd/vipd/internal/daemon/api"
)

// loudConfig differs from quietConfig in one setting.
var loudConfig = strings.Replace(quietConfig, `format = "json"`, "format = \"json\"\n    level = \"debug\"", 1)

func (r *running) reload(query string) (int, api.Reload) {
	r.t.Helper()
	code, body := r.ask(http.MethodPost, "/v1/reload"+query)
	var res api.Reload
	if err := json.Unmarshal(body, &res); err != nil {
		r.t.Fatalf("%s: %v", body, err)
	}
	return code, res
}

// level is the log level that the running daemon would keep: what a plan to
// quietConfig has to change.
func (r *running) isQuiet() bool {
	r.t.Helper()
	quiet, diags := LoadConfig([]string{r.saved()}, "", "")
	if quiet == nil {
		r.t.Fatalf("quiet configuration: %v", diags)
	}
	quiet.Files = nil
	return len(r.planFor(quiet).Changed()) == 0
}

// saved is a copy of quietConfig beside the daemon's own file.
func (r *running) saved() string {
	name := r.file + ".quiet.hcl"
	if err := os.WriteFile(name, []byte(quietConfig), 0o644); err != nil {
		r.t.Fatal(err)
	}
	return name
}

func (r *running) planFor(c *conf.Config) (p conf.Plan) {
	r.t.Helper()
	b, err := json.Marshal(c)
	if err != nil {
		r.t.Fatal(err)
	}
	resp, err := r.client.Post("http://vipd/v1/plan", "application/json", strings.NewReader(string(b)))
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&p); err != nil {
		r.t.Fatal(err)
	}
	return p
}

func TestDryRunChangesNothing(t *testing.T) {
	r := startDaemon(t)
	r.write(loudConfig)
	code, res := r.reload("?dry_run=1")
	if code != http.StatusOK || len(res.Plan.Changed()) != 1 {
		t.Errorf("dry run: HTTP %d, plan %v", code, res.Plan.Changed())
	}
	if !r.isQuiet() || r.status().Reload.Count != 0 {
		t.Error("a dry run changed the daemon")
	}
}

func TestReloadTellsItsPlan(t *testing.T) {
	r := startDaemon(t)
	r.write(loudConfig)
	code, res := r.reload("")
	if code != http.StatusOK || len(res.Plan.Changed()) != 1 || res.Plan.Changed()[0].Fields[0].Name != "log.level" {
		t.Errorf("reload: HTTP %d, plan %v", code, res.Plan.Changed())
	}
	if r.isQuiet() {
		t.Error("the reload did not change the daemon")
	}
}

// Who does not wait gets the plan or the reasons against it, and the outcome from
// the status under the same number.
func TestReloadThatNobodyWaitsFor(t *testing.T) {
	r := startDaemon(t)
	r.write("broken {")
	if code, res := r.reload("?wait=0"); code != http.StatusUnprocessableEntity || res.OK || len(res.Diagnostics) == 0 {
		t.Errorf("broken file: HTTP %d, %+v", code, res)
	}
	r.write(loudConfig)
	code, res := r.reload("?wait=0")
	if code != http.StatusAccepted || !res.OK || !res.Pending || len(res.Plan.Changed()) != 1 || res.Count != 2 {
		t.Errorf("reload: HTTP %d, %+v", code, res)
	}
	var now api.Reload
	for deadline := time.Now().Add(10 * time.Second); now.Count < res.Count; time.Sleep(10 * time.Millisecond) {
		if now = r.status().Reload; time.Now().After(deadline) {
			t.Fatalf("no outcome: %+v", now)
		}
	}
	if !now.OK || now.Pending || now.Count != res.Count || len(now.Plan.Changed()) != 1 || r.isQuiet() {
		t.Errorf("the outcome is %+v", now)
	}
}

func TestUnconfirmedReloadIsRolledBack(t *testing.T) {
	r := startDaemon(t)
	r.write(loudConfig)
	if _, res := r.reload("?confirm=100ms"); !res.OK || res.ConfirmBy.IsZero() {
		t.Fatalf("reload to be confirmed: %+v", res)
	}
	for deadline := time.Now().Add(10 * time.Second); r.status().Reload.OK; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing was rolled back")
		}
	}
	if !r.isQuiet() {
		t.Error("the configuration before the reload did not come back")
	}
	if code, _ := r.ask(http.MethodPost, "/v1/reload/confirm"); code != http.StatusConflict {
		t.Errorf("late confirmation: HTTP %d, want 409", code)
	}
}

func TestConfirmedReloadStays(t *testing.T) {
	r := startDaemon(t)
	r.write(loudConfig)
	r.reload("?confirm=10m")
	if code, _ := r.ask(http.MethodPost, "/v1/reload/confirm"); code != http.StatusNoContent {
		t.Errorf("confirmation: HTTP %d, want 204", code)
	}
	if r.isQuiet() || !r.status().Reload.ConfirmBy.IsZero() {
		t.Error("a confirmed reload does not stay")
	}
	if code, _ := r.ask(http.MethodPost, "/v1/reload?confirm=-1s"); code != http.StatusBadRequest {
		t.Errorf("negative time: HTTP %d, want 400", code)
	}
}

func TestFileWatchWaitsUntilFilesSettle(t *testing.T) {
	var w fileWatch
	loaded := "a"
	for i, c := range []struct {
		files string
		want  bool
	}{
		{"a", false}, {"a", false}, {"a", false}, // as loaded
		{"b", false}, {"c", false}, // somebody writes
		{"c", false}, {"c", true}, // settled: tried now
		{"c", false}, {"c", false},
		{"d", false}, {"c", false}, {"c", false}, {"c", false}, // back to what was tried
	} {
		got := w.look(c.files) && c.files != loaded
		if got != c.want {
			t.Errorf("look %d at %q: %v, want %v", i, c.files, got, c.want)
		}
		if got {
			loaded = c.files
		}
	}
}

func TestAutoReload(t *testing.T) {
	r := startDaemon(t)
	auto := strings.Replace(quietConfig, "global {", "global {\n  autoreload = true", 1)
	r.write(auto)
	r.reload("")
	r.write(strings.Replace(auto, `format = "json"`, "format = \"json\"\n    level = \"debug\"", 1))
	for deadline := time.Now().Add(20 * time.Second); r.status().Reload.Count < 2; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a changed file was not loaded")
		}
	}
}

// The program is told of every change on disk, reloaded or not.
func TestFilesChanged(t *testing.T) {
	r := startDaemon(t)
	told := filepath.Join(t.TempDir(), "told")
	hook := strings.Replace(quietConfig, "global {", "global {\n  files_changed {\n    command = [\"/usr/bin/touch\", \""+told+"\"]\n  }", 1)
	r.write(hook)
	r.reload("")
	for _, text := range []string{hook + "\n", "broken {"} {
		if err := os.Remove(told); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		r.write(text)
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			if _, err := os.Stat(told); err == nil {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("nobody was told of the change to %q", text)
			}
		}
	}
}

func TestHundredSignalsInASecond(t *testing.T) {
	r := startDaemon(t)
	for range 100 {
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	r.write(loudConfig)
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); r.isQuiet(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the last file is not the running one")
		}
	}
	if n := r.status().Reload.Count; n > 102 {
		t.Errorf("%d reloads for 101 signals", n)
	}
	if err := r.stop(); err != nil {
		t.Errorf("stop after it: %v", err)
	}
}
