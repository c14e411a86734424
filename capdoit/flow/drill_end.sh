# shellcheck shell=sh
# End a drill: remove its shadow, and write its verdict, which is empty for an interrupted drill.
# Needs: die enter_deploy_to remove_scratch require_lock set_private_umask
# Given: verdict
enter_deploy_to
require_lock
# What else cannot be removed does not matter to a rollback.
remove_scratch || [ ! -e .capdoit/drill ]
if [ -n "$verdict" ]; then
    if ! (set_private_umask && printf '%s\n' "$verdict" >.capdoit/drilled.new) || ! mv -f .capdoit/drilled.new .capdoit/drilled; then
        rm -f .capdoit/drilled.new
        die "the verdict of this drill could not be written"
    fi
fi
