# shellcheck shell=bash
# A private bus with a daemon on it, for scripts that source this file. Everything lies below one directory; nothing
# outlives the script.
#   bus_begin DIR PROGRAMS    starts both, and waits until the daemon answers
#   bus_end                   stops both; may be called at any time

bus_pid='' daemon_pid=''

bus_begin() {
    local directory=$1 programs=$2 address
    # The user's own configuration, state and bus stay untouched.
    export XDG_CONFIG_HOME=$directory/config XDG_STATE_HOME=$directory/state XDG_CACHE_HOME=$directory/cache
    export XDG_RUNTIME_DIR=$directory/run PATH="$programs:$PATH"
    unset CONFIGURATION_DIRECTORY STATE_DIRECTORY CACHE_DIRECTORY RUNTIME_DIRECTORY NOTIFY_SOCKET "${!BACKUP@}"
    mkdir -p "$XDG_CONFIG_HOME/backupd" "$XDG_STATE_HOME" "$XDG_CACHE_HOME"
    mkdir -m 700 "$XDG_RUNTIME_DIR"
    # Without directories of services: a daemon that is installed must not be started in place of ours.
    cat >"$directory/bus.conf" <<XML
<busconfig>
  <type>session</type>
  <listen>unix:path=$directory/run/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow own="*"/>
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
  </policy>
</busconfig>
XML
    # In sessions of their own, so that Ctrl-C reaches this script alone; and gone with it, however it ends.
    coproc BUS { exec setsid setpriv --pdeathsig TERM dbus-daemon --config-file="$directory/bus.conf" \
        --nofork --nopidfile --print-address 2>"$directory/bus.log"; }
    bus_pid=$!
    read -r -t 10 -u "${BUS[0]}" address || { cat "$directory/bus.log" >&2; return 1; }
    export DBUS_SESSION_BUS_ADDRESS=$address

    setsid setpriv --pdeathsig TERM backupd --user </dev/null >"$directory/daemon.log" 2>&1 &
    daemon_pid=$!
    for ((i = 0; i < 100; i++)); do
        ! timeout 10 backupctl --user status >/dev/null 2>&1 || return 0
        kill -0 "$daemon_pid" 2>/dev/null || break
        sleep 0.1
    done
    echo "the daemon does not answer" >&2
    return 1
}

# Stops one process of ours; one that does not end in time is killed. Answers its exit code.
bus_stop() {
    kill "$1" 2>/dev/null || true
    for ((i = 0; i < 100; i++)); do
        kill -0 "$1" 2>/dev/null || break
        sleep 0.1
    done
    kill -9 "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null
}

bus_end() {
    [[ -z $daemon_pid ]] || bus_stop "$daemon_pid" || true
    [[ -z $bus_pid ]] || bus_stop "$bus_pid" || true
    bus_pid='' daemon_pid=''
}
