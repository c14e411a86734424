# shellcheck shell=sh
# Undo a publish: give current its previous target, or remove it if there was none. Print what is live. The prepared
# symlink is removed first, so that a flip that has not happened yet cannot happen any more.
# Needs: append_to_journal_or_warn enter_deploy_to prepare_current print_current require_lock
# Given: deploy_to entry previous_target release
enter_deploy_to
require_lock
rm -f .capdoit/next/current
current=$(print_current)
if [ "$current" = "$deploy_to/releases/$release" ] && [ "$current" != "$previous_target" ]; then
    if [ -n "$previous_target" ]; then
        prepare_current "$previous_target"
        mv -f .capdoit/next/current "$deploy_to/"
    else
        rm -f current
    fi
    append_to_journal_or_warn "$entry"
fi
print_current
