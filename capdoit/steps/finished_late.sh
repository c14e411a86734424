# shellcheck shell=sh
# Record what hooks did after the step finished, or hooks that ran without a flow, on the live release.
# Needs: append_to_journal_or_warn die enter_deploy_to renew_manifest require_lock write_to_disk
# Given: entry hooks_ran
enter_deploy_to
require_lock
if [ -n "$entry" ]; then append_to_journal_or_warn "$entry"; fi
if [ -n "$hooks_ran" ]; then renew_manifest; fi
write_to_disk || die "a power failure may undo what hooks did here: the disk cannot be written"
