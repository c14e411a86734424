# shellcheck shell=sh
# Write the end of a flow into the revisions log and the journal, and make everything that the flow did survive a power
# failure: after this, the flow reports success.
# Needs: append_to_journal_or_warn append_to_record die enter_deploy_to renew_manifest require_lock write_to_disk
# Given: entry hooks_ran log_line
enter_deploy_to
require_lock
rmdir .capdoit/next || :
append_to_record revisions.log "$log_line" || printf 'revisions.log could not be written\n' >&2
append_to_journal_or_warn "$entry"
if [ -n "$hooks_ran" ]; then renew_manifest; fi
write_to_disk || die "a power failure may undo this flow here: the disk cannot be written"
