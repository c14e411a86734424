# shellcheck shell=sh
# Write the end of a flow into the revisions log and the journal.
# Needs: append_to_journal_or_warn enter_deploy_to renew_manifest require_lock
# Given: entry hooks_ran log_line
enter_deploy_to
require_lock
rmdir .capdoit/next || :
printf '%s\n' "$log_line" >>revisions.log || printf 'revisions.log could not be written\n' >&2
append_to_journal_or_warn "$entry"
if [ -n "$hooks_ran" ]; then renew_manifest; fi
