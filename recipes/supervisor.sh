# shellcheck shell=sh
# Restart programs of supervisor and wait until they run; print the end of the log of those that do not.
# Arguments: the words of the supervisorctl command, one a line; the seconds to wait; the programs.
command_words=$1 patience=$2
shift 2
set -f
newline='
'
IFS=$newline
supervisorctl_command() {
    # shellcheck disable=SC2086 # one word for each line
    $command_words "$@"
}

# The exit status is ignored: supervisorctl's does not say whether the programs run.
query_status() {
    status=$(supervisorctl_command status "$@" 2>&1) || :
}

print_pids() {
    printf '%s\n' "$status" | sed -n 's/^[^ ]*  *RUNNING  *pid \([0-9]*\),.*/\1/p'
}

# Print the lines of programs that are not in one of the states. Argument: the states, with | between them.
print_not_in_state() {
    printf '%s\n' "$status" | grep -Ev "^[^ ]+ +($1)( |\$)"
}

fail() {
    printf '%s\n' "$status" "$1"
    for program in $(print_not_in_state RUNNING | sed -n 's/^\([^ ]*\)  *[A-Z][A-Z]*\( .*\)*$/\1/p'); do
        supervisorctl_command tail -2000 "$program" stderr
    done
    exit 1
} >&2

query_status "$@"
old_pids=$(print_pids)
supervisorctl_command restart "$@" || : # the states of the programs tell the result
seconds_left=$patience
query_status "$@"
while print_not_in_state RUNNING >/dev/null; do
    if [ "$seconds_left" = 0 ] || print_not_in_state 'RUNNING|STARTING' >/dev/null; then
        fail "not all programs run"
    fi
    seconds_left=$((seconds_left - 1))
    sleep 1
    query_status "$@"
done
for pid in $(print_pids); do
    case "$newline$old_pids$newline" in
        *"$newline$pid$newline"*) fail "process $pid was not restarted" ;;
    esac
done
