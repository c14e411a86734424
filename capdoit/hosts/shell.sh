# shellcheck shell=sh
# Run a script in a shell of its own, as another user if one is given: what it does to its $$ or its traps does not
# reach the session. The script is read from stdin, since arguments are visible to all users and limited in length.
# Needs: require_lock
# Given: inner_script run user
# shellcheck disable=SC2016
[ -z "$run" ] || require_lock
set -- sh -c 'script=$(cat); exec </dev/null; eval "$script"'
[ -z "$user" ] || set -- sudo -n -u "$user" -- "$@"
printf '%s\n' "$inner_script" | "$@"
