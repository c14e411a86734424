# shellcheck shell=sh
# Fill the shadow of a drill: a second deploy_to with everything that a rollback reads, and without symlinks into the
# real deploy_to. Only the deploying user can enter the shadow, since files of shared/ may be copied into it.
# Needs: clear_scratch die enter_deploy_to require_lock run_for_outward_links
# Given: copy_files deploy_to is_archived previous release repoint_links
LC_ALL=C
export LC_ALL
enter_deploy_to
require_lock
real_deploy_to=$(pwd -P)
shadow=$deploy_to/.capdoit/drill
export deploy_to real_deploy_to shadow

# Copy a release by hard links. A hook that will run may write to a file, which must not be the real one: then copy
# the contents, too.
copy_release() {
    source=releases/$1
    copy=$shadow/releases/$1
    if [ ! -d "$source" ] || [ -L "$source" ] || [ -e "$copy" ]; then return 0; fi
    if [ -z "$copy_files" ] && copy_readable -al; then return 0; fi
    if copy_readable -a --reflink=auto; then return 0; fi
    copy_readable -a || die "$messages"
}

# Copy with these options of cp what the user can read of a release. Only busybox cp says that it cannot preserve owners.
copy_readable() {
    rm -rf "$copy"
    messages=$(cp "$@" "$source" "$copy" 2>&1) && return
    [ -n "$messages" ] && [ -z "$(printf '%s\n' "$messages" | sed '/Permission denied/d; /preserve ownership/d')" ]
}

# Make the copy ($2) of what the user cannot read in a release ($1) unreadable, too, so that the archive fails as it will
# in a rollback.
close_copies() {
    if [ ! -d "$1" ] || [ ! -d "$2" ]; then return 0; fi
    (
        cd "$1" || exit
        find . \( -type d -o -type f \) -exec sh -c '
            for path; do
                if [ -r "$path" ] && { [ ! -d "$path" ] || [ -x "$path" ]; }; then continue; fi
                if [ -d "$path" ]; then
                    chmod 000 "$0/$path"
                elif [ ! -e "$0/$path" ]; then
                    : >"$0/$path"
                    chmod 000 "$0/$path"
                fi
            done
        ' "$2" {} + 2>/dev/null || [ $? -eq 1 ]
    )
}

unpack_release() {
    mkdir "$shadow/.capdoit/unpack"
    tar -xzf "rolled-back-release-$release.tar.gz" -C "$shadow/.capdoit/unpack"
    [ -f "$shadow/.capdoit/unpack$deploy_to/releases/$release/REVISION" ] ||
        die "rolled-back-release-$release.tar.gz does not contain $deploy_to/releases/$release"
    mv "$shadow/.capdoit/unpack$deploy_to/releases/$release" "$shadow/releases/$release"
    rm -rf "$shadow/.capdoit/unpack"
}

# Make the archive again, with the paths of the shadow.
pack_release() {
    tar -czf "$shadow/rolled-back-release-$release.tar.gz" -C / "${shadow#/}/releases/$release"
    rm -rf "$shadow/releases/$release"
}

clear_scratch .capdoit/drill
mkdir -m 700 "$shadow"
mkdir "$shadow/releases" "$shadow/shared" "$shadow/.capdoit"
if [ -n "$previous" ]; then copy_release "$previous"; fi
if [ -n "$is_archived" ]; then unpack_release; else copy_release "$release"; fi
run_for_outward_links "$shadow/releases" "$repoint_links"
if [ -n "$is_archived" ]; then pack_release; fi
if [ -f .capdoit/journal ]; then cp -p .capdoit/journal "$shadow/.capdoit/"; fi
if [ -f revisions.log ]; then cp -p revisions.log "$shadow/"; fi
if [ -n "$previous" ]; then
    ln -s "$shadow/releases/$previous" "$shadow/current"
    # tar archives no sockets
    close_copies "releases/$previous" "$shadow/releases/$previous"
    if [ -d "$shadow/releases/$previous" ]; then
        find "$shadow/releases/$previous" ! -type s -print0 | tr -cd '\0' | wc -c >"$shadow/.capdoit/members"
    fi
fi
