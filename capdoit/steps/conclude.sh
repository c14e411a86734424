# shellcheck shell=sh
# The last word of a flow: the revisions log, the journal, and the lock given back.
# shellcheck disable=SC2154
fenced
printf '%s\n' "$log_line" >>revisions.log || printf 'revisions.log could not be written\n' >&2
journal "$entry" || printf 'the journal could not be written\n' >&2
: >.capdoit/lock
