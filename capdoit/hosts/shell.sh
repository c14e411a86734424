# shellcheck shell=sh
# Run a script in a new shell, as another user if $user names one: what the script does to its $$ or its traps does not
# change the session. The script is read from stdin, since arguments are visible to all users and limited in length.
# Needs: require_lock
# Given: inner_script run user
# shellcheck disable=SC2016
[ -z "$run" ] || require_lock
set -- sh -c 'set -- "$(cat)"; exec </dev/null; eval "shift; $1"'
[ -z "$user" ] || set -- sudo -n -u "$user" -- "$@"
printf '%s\n' "$inner_script" | "$@"
