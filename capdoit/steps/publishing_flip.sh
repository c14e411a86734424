# shellcheck shell=sh
# Publish the release, second phase: rename the new symlink over the old one, and check the result. The rename is the
# only program that runs: on hosts that share a machine, another program would delay the rename of another host. The
# first phase left the journal with a complete last line.
# Needs: die enter_deploy_to print_current require_lock
# Given: deploy_to entry release
enter_deploy_to
require_lock
mv -f .capdoit/next/current "$deploy_to/"
# -ef is POSIX since 2024; dash, bash and busybox have long had it.
# shellcheck disable=SC3013
{ [ -L current ] && [ current/ -ef "releases/$release/" ]; } || die "current is $(print_current), not $release"
printf '%s\n' "$entry" >>.capdoit/journal || printf 'the journal could not be written\n' >&2
