#!/usr/bin/env bash
# Installs or removes backupd: install.sh install|uninstall DESTDIR PREFIX [BINARIES]
# The one list of what is installed; the packages are made from it.
set -euo pipefail
shopt -s nullglob
cd "$(dirname "$0")/.."

what=${1:?usage: install.sh install|uninstall DESTDIR PREFIX [BINARIES]}
destination=${2-}
prefix=${3:-/usr/local}
binaries=${4:-target/release}
[[ $prefix == /* ]] || { echo "PREFIX must be absolute, and is \`$prefix\`" >&2; exit 2; }
libexec=$prefix/libexec/backupd
share=$prefix/share
# The system bus reads policies from two directories only, and polkit actions from one.
policy=/etc/dbus-1/system.d
zsh=$share/zsh/site-functions
[[ $prefix != /usr ]] || { policy=/usr/share/dbus-1/system.d; zsh=$share/zsh/vendor-completions; }

# kind, files here, directory there; a `program` is in BINARIES, `text` and `script` are installed with their paths below PREFIX; a `+`
# there is the name of the directory here
table="
program backupd                                 $libexec
program backupd-worker                          $libexec
program backupctl                               $prefix/bin
script packaging/hooks/before-upgrade           $libexec
text  packaging/hooks/apt/*                     /etc/apt/apt.conf.d
text  packaging/hooks/dnf/*                     /etc/dnf/libdnf5-plugins/actions.d
text  systemd/system/*                          $prefix/lib/systemd/system
text  systemd/user/*                            $prefix/lib/systemd/user
text  systemd/system-preset/*                   $prefix/lib/systemd/system-preset
text  systemd/catalog/*                         $prefix/lib/systemd/catalog
text  systemd/sysusers.d/*                      $prefix/lib/sysusers.d
text  systemd/tmpfiles.d/*                      $prefix/lib/tmpfiles.d
text  dbus/system-services/*                    $share/dbus-1/system-services
text  dbus/services/*                           $share/dbus-1/services
text  dbus/interfaces/*.xml                     $share/dbus-1/interfaces
text  dbus/*.conf                               $policy
text  dbus/*.policy                             /usr/share/polkit-1/actions
text  packaging/man/*.1                         $share/man/man1
text  packaging/man/*.5                         $share/man/man5
text  packaging/man/*.8                         $share/man/man8
text  packaging/completions/bash/*              $share/bash-completion/completions
text  packaging/completions/zsh/*               $zsh
text  packaging/completions/fish/*              $share/fish/vendor_completions.d
text  CHANGELOG.md                              $share/doc/backupd
text  README.md                                 $share/doc/backupd
text  docs/*.md                                 $share/doc/backupd
text  packaging/examples/*                      $share/doc/backupd/examples
text  packaging/examples/*/*                    $share/doc/backupd/examples/+
"

# one KIND FILE DIRECTORY
one() {
    local to=$destination$3/${2##*/}
    if [[ $what == uninstall ]]; then
        rm -fv "$to"
    elif [[ $1 != program ]]; then
        local mode=644
        [[ $1 != script ]] || mode=755
        sed "s|/usr/libexec/backupd|$libexec|g; s|/usr/bin/backupctl|$prefix/bin/backupctl|g" "$2" |
            install -Dm$mode /dev/stdin "$to"
    elif [[ -e $binaries/$2 ]]; then
        install -Dm755 "$binaries/$2" "$to"
    else
        echo "\`$binaries/$2\` is missing: run \`make build\` first" >&2
        exit 1
    fi
}

while read -r kind files directory; do
    # Words with a star are the files that there are.
    for file in $files; do
        [[ -d $file ]] || one "$kind" "$file" "${directory/%+/$(basename "$(dirname "$file")")}"
    done
done <<<"$(grep . <<<"$table")"

if [[ $what == uninstall ]]; then
    rm -fv "$destination$prefix/bin/backupd"
    rm -rf "$destination$share/doc/backupd"
    rmdir --ignore-fail-on-non-empty "$destination$libexec" 2>/dev/null || true
else
    # The daemon finds its worker beside the file that the link leads to.
    ln -sfn ../libexec/backupd/backupd "$destination$prefix/bin/backupd"
    echo "installed below $destination$prefix; next: systemctl daemon-reload && systemctl reload dbus"
fi
