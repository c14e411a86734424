# shellcheck shell=sh
# Change the entry of the lock, which a lost session of this flow still holds: if that session continues, it finds
# that the lock is no longer its own.
# Needs: enter_deploy_to require_lock
# Given: lock_entry
enter_deploy_to
require_lock
printf '%s\n' "$lock_entry" >.capdoit/lock
