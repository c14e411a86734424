# shellcheck shell=sh
# Make the release live again where the host undid its flip, because its session was lost before it heard that the publish
# is complete. Print yes if it did. What another flow or a person changed stays as it is.
# Needs: append_to_journal_or_warn die enter_deploy_to prepare_current print_current require_lock
# Given: deploy_to entry note previous_target release run
enter_deploy_to
require_lock
undone=$(tail -n 20 .capdoit/journal | sed -n "/\"run\": \"$run\".*\"unconfirmed\": /p")
if [ -n "$undone" ] && [ "$(print_current)" = "$previous_target" ]; then
    prepare_current "$deploy_to/releases/$release"
    mv -f .capdoit/next/current "$deploy_to/"
    append_to_journal_or_warn "$entry"
    append_to_journal_or_warn "$note"
    printf 'yes\n'
fi
# shellcheck disable=SC3013
{ [ -L current ] && [ current/ -ef "releases/$release/" ]; } || die "current is $(print_current), not $release"
