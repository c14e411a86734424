# shellcheck shell=sh
# Record a call of the program that this file replaces, then do what the test specifies.
# Given: answer calls cat host script status
call=1
set -C
# set -C opens no existing file: two simultaneous calls get different numbers.
until { true >"$calls/$call"; } 2>/dev/null; do
    [ -e "$calls/$call" ] || {
        echo "the call of $0 cannot be recorded in $calls" >&2
        exit 70
    }
    call=$((call + 1))
done
set +C
"$cat" "/proc/$$/environ" >"$calls/$call.env"
printf '%s\000' "$host" "$(pwd -P)" "$@" >"$calls/$call"
printf '%s' "$answer"
[ -z "$script" ] || {
    eval "$script"
    exit
}
exit "$status"
