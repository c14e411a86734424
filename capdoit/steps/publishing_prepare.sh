# shellcheck shell=sh
# The first half of publishing: everything that can fail, so that the second half is one rename.
# Directories keep the order of their names in time, too, which Capistrano's rollback goes by.
# shellcheck disable=SC2154
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
elif [ -n "$hooked" ]; then
    renew_manifest
fi
rm -rf .capdoit/next
mkdir .capdoit/next
ln -s "$deploy_to/releases/$release" .capdoit/next/current
journal "$entry" || die "the journal could not be written"
