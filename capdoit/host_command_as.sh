# shellcheck shell=sh
# The same as another user. It goes in by stdin: sudo's arguments are for all to see.
# shellcheck disable=SC2154,SC2016
printf '%s\n' "$inner" | sudo -n -u "$user" -- sh -c 'inner=$(cat); exec </dev/null; eval "$inner"'
