# shellcheck shell=sh
# The second half of publishing: a rename over the old link, read back. The rename is the only program:
# on hosts that share a machine any other would delay somebody's rename. The journal's last line is whole, as the
# first half left it.
# shellcheck disable=SC2154
fenced
mv -f .capdoit/next/current "$deploy_to/"
# -ef is POSIX since 2024; dash, bash and busybox have long had it.
# shellcheck disable=SC3013
{ [ -L current ] && [ current/ -ef "releases/$release/" ]; } || die "current is $(live), not $release"
printf '%s\n' "$entry" >>.capdoit/journal || printf 'the journal could not be written\n' >&2
