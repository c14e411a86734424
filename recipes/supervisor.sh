# shellcheck shell=sh
# Restarts programs of supervisor and waits until they run; shows the end of the log of one that does not.
# Arguments: supervisorctl's words, one a line; seconds of patience; the programs.
words=$1 patience=$2
shift 2
set -f
IFS='
'
control() {
    # shellcheck disable=SC2086 # a word a line
    $words "$@"
}

control restart "$@"
left=$patience
while control status "$@" | grep -v '^[^ ]* *RUNNING ' >/dev/null; do
    if [ "$left" = 0 ] || control status "$@" | grep -E '^[^ ]* *(FATAL|EXITED|STOPPED|BACKOFF)' >/dev/null; then
        control status "$@"
        for program in $(control status "$@" | sed -n '/^[^ ]* *RUNNING /!s/ .*//p'); do
            control tail -2000 "$program" stderr
        done
        exit 1
    fi >&2
    left=$((left - 1))
    sleep 1
done
