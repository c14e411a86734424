# shellcheck shell=sh
# The second half of publishing: a rename over the old link, read back.
# shellcheck disable=SC2154
fenced
mv -f .capdoit/next/current "$deploy_to/"
rmdir .capdoit/next || :
[ "$(live)" = "$deploy_to/releases/$release" ] || die "current is $(live), not $release"
journal "$entry" || printf 'the journal could not be written\n' >&2
