# shellcheck shell=sh
# A command's script in a shell of its own: what it does to its $$ or its traps does not reach the session.
# It goes in by stdin: arguments are for all to see, and of limited length.
# shellcheck disable=SC2154,SC2016
[ -z "$run" ] || fenced
set -- sh -c 'inner=$(cat); exec </dev/null; eval "$inner"'
[ -z "$user" ] || set -- sudo -n -u "$user" -- "$@"
printf '%s\n' "$inner" | "$@"
