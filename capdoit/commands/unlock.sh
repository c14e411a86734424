# shellcheck shell=sh
# Free the lock by force. The lock file is removed: the next flow creates another file, and the flow that held the lock is
# refused whatever it does next. Print the release that this flow was about to make live; that does not happen any more.
# Needs: append_to_journal_or_warn enter_deploy_to
# Given: entry
enter_deploy_to
rm -f .capdoit/lock
if [ -L .capdoit/next/current ]; then
    readlink .capdoit/next/current
    rm -f .capdoit/next/current
fi
append_to_journal_or_warn "$entry"
