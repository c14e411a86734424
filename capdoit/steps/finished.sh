# shellcheck shell=sh
# The last word of a flow: the revisions log and the journal.
# shellcheck disable=SC2154
fenced
rmdir .capdoit/next || :
printf '%s\n' "$log_line" >>revisions.log || printf 'revisions.log could not be written\n' >&2
journal "$entry" || printf 'the journal could not be written\n' >&2
if [ -n "$hooked" ]; then renew_manifest; fi
