# shellcheck shell=sh
# Asks until the answer is the one that is expected, or the tries are over; then it says what the last answer was.
# Arguments: the command (or nothing), the url, tries, interval, timeout, statuses, what the body has to contain, headers.
command=$1 url=$2 tries=$3 interval=$4 timeout=$5 statuses=$6 body=$7
shift 7
answer=$(mktemp) || exit 1
trap 'rm -f "$answer"' EXIT

with_curl() {
    for header; do
        shift
        set -- "$@" -H "$header"
    done
    status=$(curl -sS -o "$answer.body" -w '%{http_code}' --max-time "$timeout" "$@" -- "$url" 2>"$answer")
}

with_wget() {
    for header; do
        shift
        set -- "$@" --header "$header"
    done
    timeout "$timeout" wget -S -O "$answer.body" "$@" -- "$url" 2>"$answer" # some busyboxes crash at -T
    status=$(sed -n 's,^ *HTTP/[0-9.]* \([0-9][0-9][0-9]\).*,\1,p' "$answer" | tail -n 1)
    # busybox shows no headers of an answer that is an error, but names it
    [ -n "$status" ] || status=$(sed -n 's,.*server returned error: HTTP/[0-9.]* \([0-9]*\).*,\1,p' "$answer")
}

attempt() {
    if [ -n "$command" ]; then
        timeout "$timeout" sh -c "$command" >"$answer" 2>&1
        status=$?
        [ "$status" = 0 ]
        return
    fi
    : >"$answer.body"
    if command -v curl >/dev/null; then with_curl "$@"; else with_wget "$@"; fi
    case " $statuses " in
        *" ${status:-none} "*) ;;
        *) return 1 ;;
    esac
    [ -z "$body" ] || grep -qF -- "$body" "$answer.body"
}

try=1
until attempt "$@"; do
    if [ "$try" -ge "$tries" ]; then
        echo "not well after $tries tries: ${url:-$command} ended with ${status:-no answer}, expected ${statuses:-0}${body:+ and \"$body\" in its text}"
        head -n 5 "$answer"
        [ -n "$command" ] || head -n 5 "$answer.body"
        rm -f "$answer.body"
        exit 1
    fi
    try=$((try + 1))
    sleep "$interval"
done >&2
rm -f "$answer.body"
