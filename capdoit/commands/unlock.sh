# shellcheck shell=sh
# Free the lock by force, and print its entry. The lock file is removed: the next flow creates another file, and the
# flow that held the lock is refused whatever it does next.
# Needs: append_to_journal enter_deploy_to
# Given: entry
enter_deploy_to
if [ -s .capdoit/lock ]; then
    cat .capdoit/lock
    rm -f .capdoit/lock
    append_to_journal "$entry"
fi
