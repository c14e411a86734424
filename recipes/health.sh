# shellcheck shell=sh
# Check an application until it gives the expected answer or no try is left. The last line of the output is then the
# reason; the lines before it are the last answer.
# Arguments: the command (or nothing), the URL, tries, interval, timeout, accepted statuses, text that the body must
# contain. Environment: HEALTH_HEADERS, one header a line.
command=$1 url=$2 tries=$3 interval=$4 timeout=$5 statuses=$6 expected_text=$7
set -f
IFS='
'
headers=$HEALTH_HEADERS
# shellcheck disable=SC2086 # one word for each line
set -- $headers
unset IFS HEALTH_HEADERS
set +f
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
log=$folder/log body=$folder/body
# SIGKILL follows for a program that ignores SIGTERM. Old versions of busybox do not have this option.
kill_option='-k 1'
timeout -k 1 5 true 2>/dev/null || kill_option=

run_with_timeout() {
    # shellcheck disable=SC2086 # no word, or two
    timeout $kill_option "$timeout" "$@"
    exit_status=$?
    case $exit_status in 124 | 137 | 143) timed_out=1 ;; esac
    return "$exit_status"
}

request_with_curl() {
    set --
    [ -z "$headers" ] || set -- -H @- # on stdin: every user of the host can read arguments
    status=$(printf '%s\n' "$headers" |
        curl -gsS -o "$body" -w '%{http_code}' --max-time "$timeout" "$@" -- "$url" 2>"$log") || incomplete=1
    [ "$status" != 000 ] || status=
}

request_with_wget() {
    for header; do
        shift
        set -- "$@" --header "$header"
    done
    run_with_timeout wget -S -t 1 -O "$body" "$@" -- "$url" 2>"$log" # wget -T crashes some versions of busybox
    exit_status=$?
    # The first status: wget follows redirects, and curl does not.
    status=$(sed -n 's,^ *HTTP/[0-9.]* \([0-9][0-9][0-9]\).*,\1,p' "$log" | head -n 1)
    # busybox prints no headers for an error status, only this message.
    [ -n "$status" ] || status=$(sed -n 's,.*server returned error: HTTP/[0-9.]* \([0-9]*\).*,\1,p' "$log")
    case $timed_out$status in
        1*) incomplete=1 ;;
        2??) [ "$exit_status" = 0 ] || incomplete=1 ;; # other statuses make wget fail although the answer is complete
    esac
}

attempt() {
    timed_out='' incomplete='' status='' lacks_text=''
    : >"$log"
    : >"$body"
    if [ -n "$command" ]; then
        run_with_timeout sh -c "$command" >"$body" 2>&1
        status=$?
        return "$status"
    fi
    if command -v curl >/dev/null; then request_with_curl "$@"; else request_with_wget "$@"; fi
    [ -z "$incomplete" ] || return 1
    case " $statuses " in
        *" ${status:-none} "*) ;;
        *) return 1 ;;
    esac
    [ -z "$expected_text" ] || grep -qF -- "$expected_text" "$body" || { lacks_text=1 && return 1; }
}

print_reason() {
    if [ -n "$timed_out" ]; then
        echo "was stopped after the timeout of $timeout s"
    elif [ -n "$incomplete" ] && [ -n "$status" ]; then
        echo "returned $status, but the answer was incomplete"
    elif [ -n "$lacks_text" ]; then
        echo "returned $status, but the body does not contain \"$expected_text\""
    else
        echo "returned ${status:-no answer}, expected ${statuses:-0}"
    fi
}

try=1
until attempt "$@"; do
    if [ "$try" -ge "$tries" ]; then
        head -n 5 "$log"
        head -n 5 "$body"
        [ -z "$(tail -c 1 "$body")" ] || echo
        echo "not healthy after $tries tries: ${url:-$command} $(print_reason)"
        exit 1
    fi
    try=$((try + 1))
    sleep "$interval"
done >&2
