# shellcheck shell=sh
# Remove the scratch of a flow or a drill that died. That may take a while. What cannot be removed does no harm.
# Needs: enter_deploy_to remove_scratch require_lock
enter_deploy_to
require_lock
remove_scratch || :
# Removed hard links may have changed the time of change of files of releases: the lock must be newer than that.
touch .capdoit/lock
