# shellcheck shell=sh
# Gives the lock back: run by the session's own shell, which has it open.
# shellcheck disable=SC2154,SC2034
held=0
true >"$lock" || held=1
exec 9>&-
