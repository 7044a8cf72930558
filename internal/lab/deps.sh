#!/bin/sh
# Installs what this Debian machine lacks: for the demo what the lab needs,
# otherwise also what the tests need, and for make twin what they need there.
# usage: deps.sh [demo|twin]
set -eu

missing=""
need() { # program package
	command -v "$1" >/dev/null 2>&1 || PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need ip iproute2
need modprobe kmod
need keepalived keepalived
need linux.uml user-mode-linux
if [ "${1:-}" != demo ]; then
	need ipvsadm ipvsadm
	need systemctl systemd
	need ldirectord ldirectord
	[ -x /usr/lib/frr/vrrpd ] || missing="$missing frr"
	need gcc gcc # for the race detector
	[ -e /usr/include/stdlib.h ] || missing="$missing libc6-dev"
	# Servers that checks are tested against, on loopback.
	need redis-server redis-server
	need nginx nginx-light
	need slapd slapd
	need mariadbd mariadb-server-core
	need my_print_defaults mariadb-client-core
	need dovecot "dovecot-imapd dovecot-pop3d"
	[ -x /usr/lib/dovecot/submission-login ] || missing="$missing dovecot-submissiond"
	need freeradius freeradius
	need vsftpd vsftpd
	need nsd nsd
	need smtpd opensmtpd
	need etcd etcd-server
	need tinyproxy tinyproxy-bin
	need sipp sip-tester
	need snntpd sn
	[ -x /usr/lib/nagios/plugins/check_tcp ] || missing="$missing monitoring-plugins-basic"
	ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing="$missing postgresql"
fi
if [ "${1:-}" = twin ]; then
	perl -MDBD::Pg -e 1 2>/dev/null || missing="$missing libdbd-pg-perl" # ldirectord's client
fi
# Installed, it would take this machine's interfaces for its own.
unpacked=/var/cache/vipd-lab/network-manager
unpack=""
[ "${1:-}" = demo ] || [ -x $unpacked/usr/sbin/NetworkManager ] || unpack=network-manager

[ -n "$missing$unpack" ] || exit 0
if [ "$(id -u)" != 0 ]; then
	echo "missing:$missing $unpack; run 'make deps' as root to install" >&2
	exit 1
fi
export DEBIAN_FRONTEND=noninteractive

# unpack PACKAGE puts it and what it needs and this machine lacks into a
# directory, libraries where every Debian has them. What would be a newer version
# of something installed, and udev, are left out.
unpack() {
	rm -rf $unpacked
	mkdir -p $unpacked/usr/lib
	ln -s usr/lib $unpacked/lib
	debs=$(mktemp -d)
	apt-get install -s --no-install-recommends "$1" >"$debs/plan" && (
		cd "$debs" && apt-get download -q -o APT::Sandbox::User=root $(sed -n '/^Inst udev /d; s/^Inst \([^ ]*\) (.*/\1/p' plan) >/dev/null &&
		for deb in *.deb; do
			dpkg-deb --fsys-tarfile "$deb" | tar -x -C $unpacked --keep-directory-symlink --exclude=./usr/share/locale --exclude=./usr/share/doc --exclude=./usr/share/man
		done
	)
	status=$?
	rm -rf "$debs" $unpacked/lib
	return $status
}
if [ -n "$unpack" ]; then
	echo "unpacking: $unpack"
	unpack $unpack || { apt-get update -q >/dev/null && unpack $unpack; } || echo "no $unpack: tests with it are skipped" >&2
fi

[ -n "$missing" ] || exit 0
echo "installing:$missing"
# The servers are for tests only: installing them must not start them.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	trap 'rm -f $policy' EXIT
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod 755 $policy
fi
install="apt-get install -y -q --no-install-recommends -o Dpkg::Use-Pty=0"
# The package lists of a fresh machine may be missing or old.
$install $missing >/dev/null 2>&1 || { apt-get update -q >/dev/null && $install $missing >/dev/null; }
