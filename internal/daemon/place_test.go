package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vipd/vipd/conf"
)

func TestPIDFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made")
	all := PIDFilesOf(conf.Global{PIDDir: dir})
	want := PIDFiles{Supervisor: dir + "/keepalived.pid", Router: dir + "/vrrp.pid", Checker: dir + "/checkers.pid"}
	if all != want {
		t.Errorf("%+v", all)
	}
	if got := PIDFilesOf(conf.Global{PIDDir: dir, Instance: "a"}).Router; got != dir+"/vrrp_a.pid" {
		t.Error(got)
	}
	if got := (PIDFiles{Router: "/x"}).Or(all); got != (PIDFiles{Supervisor: all.Supervisor, Router: "/x", Checker: all.Checker}) {
		t.Errorf("%+v", got)
	}
	for process, path := range map[string]string{roleSupervisor: all.Supervisor, roleRouter: all.Router, roleChecker: all.Checker} {
		if err := all.note(process, 4711); err != nil {
			t.Error(err)
		}
		if text, err := os.ReadFile(path); string(text) != "4711\n" {
			t.Errorf("%s: %q, %v", path, text, err)
		}
	}
	all.remove()
	if left, err := os.ReadDir(dir); len(left) != 0 || err != nil {
		t.Errorf("%v are left, %v", left, err)
	}
	if err := PIDFilesOf(conf.Global{}).note(roleRouter, 1); err != nil {
		t.Errorf("no file is wanted: %v", err)
	}
	if err := (PIDFiles{Router: "/proc/none/x"}).note(roleRouter, 1); err == nil {
		t.Error("a file that cannot be written is no error")
	}
}

// exists reports whether there is a file.
func exists(t *testing.T, path string) bool {
	t.Helper()
	_, err := os.Stat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}

// TestFilesOfTheDaemon: the number that a tracked file begins with, process ids,
// the reload file, and a name that a reload does not change.
func TestFilesOfTheDaemon(t *testing.T) {
	dir := t.TempDir()
	config := func(instance string) string {
		return strings.Replace(quietConfig, "global {\n", fmt.Sprintf("global {\n  pid_dir = %q\n  instance = %q\n  reload_file = %q\n", dir+"/pids", instance, dir+"/reload"), 1) +
			fmt.Sprintf("track_file \"t\" {\n  path = %q\n  init = 7\n}\n", dir+"/track")
	}
	r := startDaemonWith(t, config("a"))
	pid := filepath.Join(dir, "pids", "keepalived_a.pid")
	got := map[string]string{}
	for _, path := range []string{pid, dir + "/track"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got[path] = string(text)
	}
	if diff := cmp.Diff(map[string]string{pid: strconv.Itoa(os.Getpid()) + "\n", dir + "/track": "7\n"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for path, text := range map[string]string{dir + "/reload": "mine", dir + "/track": "8\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if code, res := r.reload(""); code != http.StatusOK || !res.OK || exists(t, dir+"/reload") {
		t.Errorf("reload of the same files: %d, %+v; the reload file is there: %t", code, res, exists(t, dir+"/reload"))
	}
	if err := os.WriteFile(dir+"/reload", []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.write(config("b"))
	if code, res := r.reload(""); code != http.StatusOK || !res.OK {
		t.Errorf("reload: %d, %+v", code, res)
	}
	if exists(t, dir+"/reload") {
		t.Error("the reload file stays after the reload")
	}
	if text, err := os.ReadFile(dir + "/track"); string(text) != "8\n" {
		t.Errorf("a reload writes the tracked file: %q, %v", text, err)
	}
	if !exists(t, pid) || exists(t, filepath.Join(dir, "pids", "keepalived_b.pid")) {
		t.Error("a reload changes the instance")
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if exists(t, pid) {
		t.Error("the process id stays after the stop")
	}
}

// TestScheduledReload: at the time that the file names, which is gone then.
func TestScheduledReload(t *testing.T) {
	file := filepath.Join(t.TempDir(), "at")
	config := strings.Replace(quietConfig, "global {\n", fmt.Sprintf("global {\n  reload_at {\n    file = %q\n  }\n", file), 1)
	r := startDaemonWith(t, config)
	r.write(strings.Replace(config, `"json"`, `"text"`, 1))
	var written time.Time
	for deadline := time.Now().Add(time.Minute); r.status().Reload.Count == 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no reload comes")
		}
		if time.Since(written) < 5*time.Second {
			continue
		}
		written = time.Now() // again, when a busy machine has looked too late
		if err := os.WriteFile(file, []byte(written.Add(2*time.Second).Format(time.DateTime)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.status().Reload; !got.OK || exists(t, file) {
		t.Errorf("%+v; the file is there: %t", got, exists(t, file))
	}
}
