# shellcheck shell=sh
# Write the end of a flow into the revisions log and the journal, and make everything that the flow did survive a power
# failure: after this, the flow reports success.
# Needs: append_to_journal_or_warn append_to_record die enter_deploy_to fill_reserve renew_manifest require_lock
# Needs: write_to_disk
# Given: entry hooks_ran log_line
enter_deploy_to
require_lock
append_to_record revisions.log "$log_line" || printf 'revisions.log could not be written\n' >&2
append_to_journal_or_warn "$entry"
if [ -n "$hooks_ran" ]; then renew_manifest; fi
fill_reserve 2>/dev/null || :
write_to_disk || die "a power failure may undo this flow here: the disk cannot be written"
