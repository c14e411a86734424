# shellcheck shell=sh
# The first half of publishing: everything that can fail, so that the second half is one rename.
# Directories keep the order of their names in time, too, which Capistrano's rollback goes by.
# shellcheck disable=SC2154,SC2034

# After the last hook that may change the release, and before it can be live.
new_manifest() {
    verify=full
    listing "releases/$release"
}

# A rollback verified its release; what changed after it took the lock, its hooks changed. Of all else the manifest
# keeps what was shipped.
renewed_manifest() {
    {
        verify=full
        since=../../.capdoit/lock
        listing "releases/$release" | sed "s/^/made$tab/"
        verify=quick
        since=
        listing "releases/$release" | sed "s/^/there$tab/"
        sed "s/^/was$tab/" ".capdoit/manifests/$release"
    } | LC_ALL=C awk -F '\t' '
        { line = substr($0, length($1) + 2); path = NF > 2 ? $2 : substr(line, 67) }
        $1 == "there" { there[path]; next }
        $1 == "made" { made[path] }
        $1 == "made" || ((path in there) && !(path in made)) { print line }
    '
}

write_manifest() {
    LC_ALL=C sort >.capdoit/manifest && [ "$(tail -n 1 .capdoit/manifest)" = "$end" ] &&
        mv -f .capdoit/manifest ".capdoit/manifests/$release"
}

fenced
if [ ! -d "releases/$release" ] || [ -L "releases/$release" ]; then
    die "releases/$release is not there"
fi
[ "$(cat "releases/$release/REVISION" 2>/dev/null)" = "$revision" ] ||
    die "releases/$release is not of revision $revision"
if [ -e current ] && [ ! -L current ]; then
    die "$deploy_to/current is no link; move it away"
fi
if [ -n "$fresh" ]; then
    eval "set -- $linked_files"
    for path; do
        [ -e "releases/$release/$path" ] || die "linked file $path does not exist in $deploy_to/shared"
    done
    TZ=UTC0 touch -t "${release%??}.${release#????????????}" "releases/$release"
    forget_manifests
    mkdir -p .capdoit/manifests
    new_manifest | write_manifest || die "the manifest of $release could not be written"
elif [ -n "$hooked" ] && has_manifest; then
    # A disk that is full must not be in the way back.
    renewed_manifest | write_manifest || rm -f .capdoit/manifest
fi
rm -rf .capdoit/next
mkdir .capdoit/next
ln -s "$deploy_to/releases/$release" .capdoit/next/current
journal "$entry" || die "the journal could not be written"
