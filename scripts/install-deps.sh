#!/usr/bin/env bash
# Installs the system packages that are missing for PURPOSE, or says which.
#   scripts/install-deps.sh quickstart|check|bench
# Exits with 1 when something is missing without which the purpose cannot be served.
set -euo pipefail

purpose=${1:?usage: install-deps.sh quickstart|check|bench}

# program, Debian package, purposes, and what comes of its absence: `must` or what is skipped
table="
cc           gcc             quickstart,check,bench  must
dbus-daemon  dbus            quickstart,check,bench  must
setpriv      util-linux      quickstart,check,bench  must
diff         diffutils       quickstart              must
git          git             check                   the advisory check is skipped
restic       restic          check,bench             the interoperability tests fail
curl         curl            check                   newer versions of restic are not tested
busctl       systemd         check                   tests that call the bus by busctl fail
systemd-analyze systemd  check                   the tests of the units fail
gdbus        libglib2.0-bin  check                   tests that call the bus by gdbus fail
dpkg-buildpackage  dpkg-dev  check                   the tests of the packages fail
dh           debhelper       check                   the tests of the packages fail
systemd-nspawn  systemd-container  check             the tests on machines with a real systemd are skipped
debootstrap  debootstrap     check                   the tests on machines with a real systemd are skipped
lintian      lintian         check                   the packages are not held against Debian's policy
rpmbuild     rpm             check                   the tests of the packages fail
man          man-db          check                   the tests of the manual pages fail
groff        groff-base      check                   the tests of the manual pages fail
zsh          zsh             check                   the tests of completion fail
fish         fish            check                   the tests of completion fail
script       bsdutils        check                   the tests of completion fail
ssh          openssh-client  check                   the tests of remote repositories fail
/usr/sbin/sshd  openssh-server  check                the tests of remote repositories fail
rclone       rclone          check                   the tests of remote repositories fail
openssl      openssl         check                   the tests of remote repositories fail
python3      python3-venv    check                   the tests of remote repositories fail
python3      python3         bench                   must
/usr/bin/time  time          bench                   must
"

missing() {
    while read -r program package purposes without; do
        [[ ",$purposes," == *",$purpose,"* ]] || continue
        command -v "$program" >/dev/null || echo "$program $package $without"
    done <<<"$(grep . <<<"$table")"
}

install() {
    local root=()
    command -v apt-get >/dev/null || return 0
    if ((EUID != 0)); then
        sudo -n true 2>/dev/null || return 0
        root=(sudo -n)
    fi
    echo "installing $*"
    export DEBIAN_FRONTEND=noninteractive
    "${root[@]}" apt-get update -qq </dev/null || true
    "${root[@]}" apt-get install -y -qq --no-install-recommends "$@" libc6-dev </dev/null >/dev/null || true
}

mapfile -t packages < <(missing | awk '{ print $2 }' | sort -u)
# Its service would listen from then on: on a machine with services that is for its owner to decide.
if [[ -d /run/systemd/system ]]; then
    mapfile -t packages < <(printf '%s\n' "${packages[@]}" | grep -vx -e openssh-server -e '')
fi
((${#packages[@]} == 0)) || install "${packages[@]}"

lacking=0
while read -r program package without; do
    [[ -n $program ]] || continue
    echo "missing: \`$program\` (Debian package \`$package\`): ${without/#must/nothing works without it}" >&2
    [[ $without != must ]] || lacking=1
done <<<"$(missing)"
exit "$lacking"
