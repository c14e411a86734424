# shellcheck shell=sh
# Asks until the answer is the one that is expected, or the tries are over; then it shows what was answered last, and
# says in its last line what is wrong.
# Arguments: the command (or nothing), the url, tries, interval, timeout, statuses, what the body has to contain.
# In the environment: HEALTH_HEADERS, one a line.
command=$1 url=$2 tries=$3 interval=$4 timeout=$5 statuses=$6 body=$7
set -f
IFS='
'
headers=$HEALTH_HEADERS
# shellcheck disable=SC2086
set -- $headers
unset IFS HEALTH_HEADERS
set +f
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
log=$folder/log text=$folder/text
# for what ignores the first signal; old busyboxes do not know it
firmly='-k 1'
timeout -k 1 5 true 2>/dev/null || firmly=

in_time() {
    # shellcheck disable=SC2086
    timeout $firmly "$timeout" "$@"
    ended=$?
    case $ended in 124 | 137 | 143) killed=1 ;; esac
    return "$ended"
}

with_curl() {
    set --
    [ -z "$headers" ] || set -- -H @- # by stdin: arguments are for all to see
    status=$(printf '%s\n' "$headers" | curl -gsS -o "$text" -w '%{http_code}' --max-time "$timeout" "$@" -- "$url" 2>"$log") || broken=1
    [ "$status" != 000 ] || status=
}

with_wget() {
    for header; do
        shift
        set -- "$@" --header "$header"
    done
    in_time wget -S -t 1 -O "$text" "$@" -- "$url" 2>"$log" # some busyboxes crash at -T
    ended=$?
    # the first answer: wget follows redirects, curl does not
    status=$(sed -n 's,^ *HTTP/[0-9.]* \([0-9][0-9][0-9]\).*,\1,p' "$log" | head -n 1)
    # busybox shows no headers of an answer that is an error, but names it
    [ -n "$status" ] || status=$(sed -n 's,.*server returned error: HTTP/[0-9.]* \([0-9]*\).*,\1,p' "$log")
    case $killed$status in
        1*) broken=1 ;;
        2??) [ "$ended" = 0 ] || broken=1 ;; # to wget an answer that is an error is a failure, too
    esac
}

attempt() {
    killed='' broken='' status='' unlike=''
    : >"$log"
    : >"$text"
    if [ -n "$command" ]; then
        in_time sh -c "$command" >"$text" 2>&1
        status=$?
        return "$status"
    fi
    if command -v curl >/dev/null; then with_curl "$@"; else with_wget "$@"; fi
    [ -z "$broken" ] || return 1
    case " $statuses " in
        *" ${status:-none} "*) ;;
        *) return 1 ;;
    esac
    [ -z "$body" ] || grep -qF -- "$body" "$text" || { unlike=1 && return 1; }
}

what_is_wrong() {
    if [ -n "$killed" ]; then
        echo "was ended after $timeout s at the latest"
    elif [ -n "$broken" ] && [ -n "$status" ]; then
        echo "answered $status, but not to its end"
    elif [ -n "$unlike" ]; then
        echo "answered $status without \"$body\" in its text"
    else
        echo "ended with ${status:-no answer}, expected ${statuses:-0}"
    fi
}

try=1
until attempt "$@"; do
    if [ "$try" -ge "$tries" ]; then
        head -n 5 "$log"
        head -n 5 "$text"
        [ -z "$(tail -c 1 "$text")" ] || echo
        echo "not well after $tries tries: ${url:-$command} $(what_is_wrong)"
        exit 1
    fi
    try=$((try + 1))
    sleep "$interval"
done >&2
