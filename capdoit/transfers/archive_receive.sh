# shellcheck shell=sh
# Receive the archive on stdin. It is checked while it is unpacked.
# Needs: enter_deploy_to require_lock set_private_umask
enter_deploy_to
require_lock
rm -rf .capdoit/incoming
(set_private_umask && cat >.capdoit/incoming)
