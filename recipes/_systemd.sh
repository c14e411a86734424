# shellcheck shell=sh
# Run an action of systemctl on units, wait until all are active, and check again a moment later that they still are.
# Print the journal of a unit that is not active. The actions "stop" and "kill-SIGNAL" are only for units that are active,
# whose names are printed, and nothing is awaited: a worker that got a signal, or is stopping, first finishes its work.
# Arguments: the action, the seconds to wait, the seconds to stay active, "system" or "user", the units.
action=$1 patience=$2 settle=$3 manager=$4
shift 4
as_root=
user=
unit_option=--unit
if [ "$manager" = user ]; then
    user=--user
    unit_option=--user-unit
    # A login over ssh may have no session, and so no variable with the address of the user's service manager.
    if [ -z "$XDG_RUNTIME_DIR" ] && [ -d "/run/user/$(id -u)" ]; then
        XDG_RUNTIME_DIR=/run/user/$(id -u)
        export XDG_RUNTIME_DIR
    fi
elif [ "$(id -u)" != 0 ]; then
    as_root="sudo -n"
fi

print_state() {
    systemctl $user show --property=ActiveState --value -- "$1"
}

fail() {
    echo "$1 is $2 $3 systemctl $action"
    $as_root journalctl --no-pager -n 20 "$unit_option" "$1"
    exit 1
} >&2

# Argument: a unit that may be active.
quiet() {
    case $(print_state "$1") in
        active | reloading) ;;
        *)
            echo "$1 does not run" >&2
            return
            ;;
    esac
    case $action in
        stop) $as_root systemctl $user --no-block stop -- "$1" ;;
        *) $as_root systemctl $user --kill-who=main --signal="${action#kill-}" kill -- "$1" ;;
    esac && echo "$1"
}

case $action in
    stop | kill-*)
        for unit; do
            quiet "$unit" || exit
        done
        exit 0
        ;;
esac
if ! $as_root systemctl $user "$action" -- "$@"; then
    for unit; do
        state=$(print_state "$unit")
        [ "$state" = active ] || fail "$unit" "$state" after
    done
    exit 1
fi
for unit; do
    checks_left=$((patience * 5)) # one every 0.2 s
    while state=$(print_state "$unit") && [ "$state" != active ]; do
        case $state in
            activating | deactivating | reloading) ;;
            *) fail "$unit" "$state" after ;;
        esac
        checks_left=$((checks_left - 1))
        [ "$checks_left" -gt 0 ] || fail "$unit" "$state" "$patience s after"
        sleep 0.2
    done
done
[ "$settle" = 0 ] || sleep "$settle"
for unit; do
    state=$(print_state "$unit")
    [ "$state" = active ] || fail "$unit" "$state" "a moment after it was active, after"
done
