# shellcheck shell=sh
# Whether the session's own shell finds flock.
# shellcheck disable=SC2034
held=0
command -v flock >/dev/null || held=1
