# shellcheck shell=sh
# Publish the release, second phase: rename the new symlink over the old one, and check the result. The rename is the
# only program that runs: on hosts that share a machine, another program would delay the rename of another host. The
# first phase left the journal with a complete last line.
# Needs: append_line die enter_deploy_to print_current require_lock try_with_reserve
# Given: deploy_to entry note release
enter_deploy_to
require_lock
mv -f .capdoit/next/current "$deploy_to/" || {
    require_lock # an unlock by force in this moment removes the new symlink
    die "current could not be replaced"
}
# -ef is POSIX since 2024; dash, bash and busybox have long had it.
# shellcheck disable=SC3013
{ [ -L current ] && [ current/ -ef "releases/$release/" ]; } || die "current is $(print_current), not $release"
for line in "$entry" "$note"; do
    if [ -z "$line" ]; then continue; fi
    try_with_reserve append_line .capdoit/journal "$line" || printf 'the journal could not be written\n' >&2
done
