#!/bin/sh
# Installs what this Debian machine lacks: for the demo what the lab needs,
# otherwise also what the tests need.
# usage: deps.sh [demo]
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
	need freeradius freeradius
	need vsftpd vsftpd
	need nsd nsd
	need smtpd opensmtpd
	ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing="$missing postgresql"
fi

[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
	echo "missing:$missing; run 'make deps' as root to install" >&2
	exit 1
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
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
