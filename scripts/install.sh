#!/usr/bin/env bash
# Installs or removes backupd: install.sh install|uninstall DESTDIR PREFIX
set -euo pipefail
cd "$(dirname "$0")/.."

what=${1:?usage: install.sh install|uninstall DESTDIR PREFIX}
destination=${2-}
prefix=${3:-/usr/local}
[[ $prefix == /* ]] || { echo "PREFIX must be absolute, and is \`$prefix\`" >&2; exit 2; }
libexec=$prefix/libexec/backupd
# The system bus reads policies from two directories only.
policy=/etc/dbus-1/system.d
[[ $prefix != /usr ]] || policy=/usr/share/dbus-1/system.d

# mode, file here, file there; `text` is installed with its paths below PREFIX
table="
755   target/release/backupd                              $libexec/backupd
755   target/release/backupd-worker                       $libexec/backupd-worker
755   target/release/backupctl                            $prefix/bin/backupctl
text  systemd/system/backupd.service                      $prefix/lib/systemd/system/backupd.service
text  systemd/user/backupd.service                        $prefix/lib/systemd/user/backupd.service
text  dbus/system-services/org.backupd.Backup1.service    $prefix/share/dbus-1/system-services/org.backupd.Backup1.service
text  dbus/services/org.backupd.Backup1.service           $prefix/share/dbus-1/services/org.backupd.Backup1.service
text  dbus/org.backupd.Backup1.conf                       $policy/org.backupd.Backup1.conf
"

while read -r mode from to; do
    if [[ $what == uninstall ]]; then
        rm -fv "$destination$to"
    elif [[ $mode == text ]]; then
        sed "s|/usr/libexec/backupd|$libexec|g" "$from" | install -Dm644 /dev/stdin "$destination$to"
    else
        [[ -e $from ]] || { echo "\`$from\` is missing: run \`make build\` first" >&2; exit 1; }
        install -Dm"$mode" "$from" "$destination$to"
    fi
done <<<"$(grep . <<<"$table")"

if [[ $what == uninstall ]]; then
    rm -fv "$destination$prefix/bin/backupd"
    rmdir --ignore-fail-on-non-empty "$destination$libexec" 2>/dev/null || true
else
    # The daemon finds its worker beside the file that the link leads to.
    ln -sfn ../libexec/backupd/backupd "$destination$prefix/bin/backupd"
    echo "installed below $destination$prefix; next: systemctl daemon-reload && systemctl reload dbus"
fi
