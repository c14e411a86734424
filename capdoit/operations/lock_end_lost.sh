# shellcheck shell=sh
# End a lost session of this flow, which still holds the lock: kill all its processes. The shell of a session holds the
# lock as file descriptor 9. A killed process does nothing more, also if it was frozen.
# Needs: enter_deploy_to require_lock
enter_deploy_to
require_lock

# Print the session of a process ($1). See hosts/loop.sh for the fields of stat.
print_session() {
    read -r stat <"/proc/$1/stat" || return 0
    # shellcheck disable=SC2086
    set -- ${stat##*) }
    printf '%s\n' "$4"
}

kill_session() {
    for process in /proc/[0-9]*; do
        process=${process#/proc/}
        if [ "$(print_session "$process" 2>/dev/null)" = "$1" ]; then kill -s KILL "$process" || :; fi
    done
}

for file in /proc/[0-9]*/fd/9; do
    process=${file#/proc/}
    # shellcheck disable=SC3013
    if [ "$file" -ef .capdoit/lock ]; then kill_session "$(print_session "${process%%/*}")"; fi
done
