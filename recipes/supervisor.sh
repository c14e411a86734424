# shellcheck shell=sh
# Restarts programs of supervisor and waits until they run; shows the end of the log of one that does not.
# Arguments: supervisorctl's words, one a line; seconds of patience; the programs.
words=$1 patience=$2
shift 2
set -f
newline='
'
IFS=$newline
control() {
    # shellcheck disable=SC2086 # a word a line
    $words "$@"
}

# What is said of the programs, or why nothing is. Its exit status tells of supervisorctl's day, not of ours.
ask() {
    said=$(control status "$@" 2>&1) || :
}

pids() {
    printf '%s\n' "$said" | sed -n 's/^[^ ]*  *RUNNING  *pid \([0-9]*\),.*/\1/p'
}

others() {
    printf '%s\n' "$said" | grep -Ev "^[^ ]+ +($1)( |\$)"
}

fail() {
    printf '%s\n' "$said" "$1"
    for program in $(others RUNNING | sed -n 's/^\([^ ]*\)  *[A-Z][A-Z]*\( .*\)*$/\1/p'); do
        control tail -2000 "$program" stderr
    done
    exit 1
} >&2

ask "$@"
before=$(pids)
control restart "$@" || : # what became of it is seen by the programs
left=$patience
ask "$@"
while others RUNNING >/dev/null; do
    if [ "$left" = 0 ] || others 'RUNNING|STARTING' >/dev/null; then fail "not every program runs"; fi
    left=$((left - 1))
    sleep 1
    ask "$@"
done
for pid in $(pids); do
    case "$newline$before$newline" in
        *"$newline$pid$newline"*) fail "process $pid is the one from before: it was not restarted" ;;
    esac
done
