package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Systemd is a real systemd, process 1 of its own process, mount and host name
// namespaces in a host's network. Its file system is this machine's, read
// through a layer in memory that takes what is written. No unit of this
// machine starts in it: only what a test starts. /sys cannot be written to, by
// which network managers see that there is no udev to wait for.
type Systemd struct {
	*Proc
	pid1 int
}

// networkManager is where deps.sh unpacks it.
const networkManager = "/var/cache/vipd-lab/network-manager"

// NetworkManager requires the program of that name. It is not installed; every
// Systemd has it.
func NetworkManager() string {
	if _, err := os.Stat(networkManager + "/usr/sbin/NetworkManager"); err != nil {
		return "the program NetworkManager in " + networkManager + ", run `make deps`"
	}
	return ""
}

// systemdScript makes the file system and becomes systemd. $1 is a directory,
// $2 the host name, $3 a tree to add to the file system, if it exists, then come
// pairs of a file and where it goes.
const systemdScript = `set -e
dir=$1 name=$2 tree=$3
shift 3
mount --make-rprivate /
mount -t tmpfs tmpfs "$dir"
mkdir "$dir/upper" "$dir/work" "$dir/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$dir/upper,workdir=$dir/work" "$dir/root"
root=$dir/root
[ ! -d "$tree" ] || cp -a "$tree/." "$root"
rm -rf "$root"/usr/lib/systemd/system/*.wants "$root"/etc/systemd/system/* "$root"/usr/lib/systemd/system-generators
echo "$name" >"$root/etc/hostname"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mountpoint -q "$root/sys/fs/cgroup" || mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -o remount,bind,ro "$root/sys"
while [ $# -gt 0 ]; do
	mkdir -p "$root$(dirname "$2")"
	cp "$1" "$root$2"
	shift 2
done
exec env -u NOTIFY_SOCKET container=lab chroot "$root" /usr/lib/systemd/systemd --unit=basic.target
`

// Systemd boots systemd on the host with copies of files, by the place where
// they go, and waits until it answers.
func (h *Host) Systemd(files map[string]string) *Systemd {
	h.lab.tb.Helper()
	Need(h.lab.tb, Tool("systemctl"), Tool("unshare"), Tool("nsenter"))
	script := h.WriteFile("systemd.sh", systemdScript)
	dir := filepath.Join(h.dir, "systemd")
	if err := os.Mkdir(dir, 0o755); err != nil {
		h.lab.tb.Fatalf("boot systemd of %s: %v", h.Name, err)
	}
	args := []string{"--pid", "--mount", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child", "sh", script, dir, h.Name, networkManager}
	for to, from := range files {
		args = append(args, from, to)
	}
	s := &Systemd{Proc: h.Start("unshare", args...)}
	WaitFor(h.lab.tb, "systemd of "+h.Name+" answers", time.Minute, func() error {
		if !s.Running() {
			return fmt.Errorf("it ended:\n%s", s.Log())
		}
		below := descendants(processes(), s.PID())
		if len(below) == 0 {
			return errors.New("it has not started")
		}
		s.pid1 = below[len(below)-1] // parents come last
		_, err := s.Run("systemctl", "is-active", "basic.target")
		return err
	})
	return s
}

// Run runs a program beside the units to its end and returns what it printed.
func (s *Systemd) Run(arg ...string) (string, error) {
	return s.Host.Run("nsenter", append([]string{"-t", strconv.Itoa(s.pid1), "-m", "-u", "-p", "-r", "-w"}, arg...)...)
}

// Copy puts a copy of a file where the units see it.
func (s *Systemd) Copy(from, to string) {
	s.Host.lab.tb.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(fmt.Sprintf("/proc/%d/root%s", s.pid1, to), b, 0o644)
	}
	if err != nil {
		s.Host.lab.tb.Fatalf("copy %s: %v", from, err)
	}
}

// Show returns properties of a unit as `systemctl show` gives them.
func (s *Systemd) Show(unit string, properties ...string) map[string]string {
	s.Host.lab.tb.Helper()
	out, err := s.Run("systemctl", "show", unit, "-p", strings.Join(properties, ","))
	if err != nil {
		s.Host.lab.tb.Fatalf("%v\n%s", err, out)
	}
	values := map[string]string{}
	for line := range strings.Lines(out) {
		if key, value, found := strings.Cut(strings.TrimSpace(line), "="); found {
			values[key] = value
		}
	}
	return values
}
