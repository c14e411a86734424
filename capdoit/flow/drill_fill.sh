# shellcheck shell=sh
# Fills the shadow of a drill: a deploy_to of its own, with what a rollback here goes by and nothing that leads
# back to the real one. Only who deploys can enter it, since files of shared/ may be copied into it.
# shellcheck disable=SC2154
fenced
here=$(pwd -P)
shadow=$deploy_to/.capdoit/drill
export deploy_to here shadow

# A hook that runs may write into a file, which as a link would be the real one: it gets copies.
take() {
    from=releases/$1
    to=$shadow/releases/$1
    if [ ! -d "$from" ] || [ -L "$from" ] || [ -e "$to" ]; then return 0; fi
    if [ -z "$copies" ] && cp -al "$from" "$to" 2>/dev/null; then return 0; fi
    rm -rf "$to"
    if cp -a --reflink=auto "$from" "$to" 2>/dev/null; then return 0; fi
    rm -rf "$to"
    cp -a "$from" "$to"
}

unpack() {
    mkdir "$shadow/.capdoit/unpack"
    tar -xzf "rolled-back-release-$release.tar.gz" -C "$shadow/.capdoit/unpack"
    [ -f "$shadow/.capdoit/unpack$deploy_to/releases/$release/REVISION" ] ||
        die "rolled-back-release-$release.tar.gz does not hold $deploy_to/releases/$release"
    mv "$shadow/.capdoit/unpack$deploy_to/releases/$release" "$shadow/releases/$release"
    rm -rf "$shadow/.capdoit/unpack"
}

# The same archive, but of the shadow.
pack() {
    tar -czf "$shadow/rolled-back-release-$release.tar.gz" -C / "${shadow#/}/releases/$release"
    rm -rf "$shadow/releases/$release"
}

sweep
mkdir -m 700 "$shadow"
mkdir "$shadow/releases" "$shadow/shared" "$shadow/.capdoit"
if [ -n "$left" ]; then take "$left"; fi
if [ -n "$archived" ]; then unpack; else take "$release"; fi
far_links "$shadow/releases" "$repoint"
if [ -n "$archived" ]; then pack; fi
if [ -f .capdoit/journal ]; then cp -p .capdoit/journal "$shadow/.capdoit/"; fi
if [ -f revisions.log ]; then cp -p revisions.log "$shadow/"; fi
if [ -n "$left" ]; then
    ln -s "$shadow/releases/$left" "$shadow/current"
    # tar keeps no sockets
    if [ -d "$shadow/releases/$left" ]; then
        find "$shadow/releases/$left" ! -type s -print0 | tr -cd '\0' | wc -c >"$shadow/.capdoit/members"
    fi
fi
