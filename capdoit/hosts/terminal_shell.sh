# shellcheck shell=sh
# Run a script on this terminal, as another user if $user names one. The script comes on stdin, since arguments are visible
# to all users, and stdin becomes the terminal afterwards. Ctrl-C is for the program: a console goes on after it.
# Needs: require_lock
# Given: inner_script run user
# shellcheck disable=SC2016
[ -z "$run" ] || require_lock
trap : INT QUIT
set -- sh -c 'trap : INT QUIT; set -- "$(cat)"; exec </dev/tty; eval "shift; $1"'
[ -z "$user" ] || set -- sudo -n -u "$user" -- "$@"
printf '%s\n' "$inner_script" | "$@"
