# shellcheck shell=sh
# Has systemctl act on units, then waits until all are active, and for a moment longer; shows the journal of one that is not.
# Arguments: the action, seconds of patience, seconds to stay active, system or user, the units.
action=$1 patience=$2 settle=$3 manager=$4
shift 4
as_root=
user=
unit_option=--unit
if [ "$manager" = user ]; then
    user=--user
    unit_option=--user-unit
    # A login without a session of its own, as ssh can be, does not know where its manager listens.
    if [ -z "$XDG_RUNTIME_DIR" ] && [ -d "/run/user/$(id -u)" ]; then
        XDG_RUNTIME_DIR=/run/user/$(id -u)
        export XDG_RUNTIME_DIR
    fi
elif [ "$(id -u)" != 0 ]; then
    as_root="sudo -n"
fi

state() {
    systemctl $user show --property=ActiveState --value -- "$1"
}

give_up() {
    echo "$1 is $2 $3 systemctl $action"
    $as_root journalctl --no-pager -n 20 "$unit_option" "$1"
    exit 1
} >&2

if ! $as_root systemctl $user "$action" -- "$@"; then
    for unit; do
        now=$(state "$unit")
        [ "$now" = active ] || give_up "$unit" "$now" after
    done
    exit 1
fi
for unit; do
    left=$((patience * 5))
    while now=$(state "$unit") && [ "$now" != active ]; do
        case $now in
            activating | deactivating | reloading) ;;
            *) give_up "$unit" "$now" after ;;
        esac
        left=$((left - 1))
        [ "$left" -gt 0 ] || give_up "$unit" "$now" "$patience s after"
        sleep 0.2
    done
done
[ "$settle" = 0 ] || sleep "$settle"
for unit; do
    now=$(state "$unit")
    [ "$now" = active ] || give_up "$unit" "$now" "a moment after it was active, after"
done
