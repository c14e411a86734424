# shellcheck shell=sh
# A program that stands in for another one: it records how it is called, then does what the test says.
# Given: answer calls cat host script status
call=1
set -C
# A file that is there is not opened: of calls at the same moment, each gets a number of its own.
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
