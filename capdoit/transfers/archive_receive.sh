# shellcheck shell=sh
# Receive the archive on stdin, and check that it is the archive that was sent.
# Needs: die enter_deploy_to print_sha256 require_lock set_private_umask
# Given: revision
enter_deploy_to
require_lock
rm -rf .capdoit/incoming
(set_private_umask && cat >.capdoit/incoming)
sum=$(print_sha256 .capdoit/incoming)
[ "$sum" = "$revision" ] || die "the archive arrived with sha256 $sum, but $revision was sent"
