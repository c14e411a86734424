# shellcheck shell=sh
# The lost session of this flow still has the lock, and may yet go on, from where it stood: from now on it finds that
# the lock is no longer its own.
# shellcheck disable=SC2154
fenced
printf '%s\n' "$owner" >.capdoit/lock
