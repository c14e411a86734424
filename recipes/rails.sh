# shellcheck shell=sh
# Compile, restore, publish and clean the assets of a release for the recipe rails.
#
# public/<prefix> of every release is a symlink to one shared directory, because pages of older releases still request
# their files. The application also reads the manifest there when it starts, to find the current name of each file. If a
# new release were compiled into the shared directory, the live release could restart with the new manifest, and would
# keep it if the deploy fails. Therefore nothing is compiled there:
#   - While a release is compiled, its public/<prefix> is a directory instead of the symlink. The manifest of the live
#     release is copied into it first, so that Sprockets continues its history.
#   - The new manifest goes to assets_manifest_backup of the release, where capistrano-rails keeps it, and all files go
#     to .capdoit-assets. Files that the shared directory lacks are added to it, which does not affect a release that is
#     live.
#   - The manifest in the shared directory is a symlink to current/assets_manifest_backup/<name>. So it changes at the
#     same instant as `current`, in a deploy, in a rollback, and when hosts flip back; release and manifest match even
#     if a process dies in between. The symlink is created once a release is live. If it replaces a file that Capistrano
#     left, that file is first kept for its release.
#
# Arguments: the action (compile, restore, publish or clean); the release; deploy_to; the directory below public; the
# release that is or was live; the number for assets:clean; the patterns of manifest names; then the command that runs
# Rails' tasks.
set -eu
unset CDPATH
action=$1 release=$2 deploy_to=$3 prefix=$4 live_release=$5 keep_assets=$6 manifest_patterns=$7
shift 7
own_dir=$release/public/$prefix
shared_dir=$deploy_to/shared/public/$prefix
backup_dir=$release/assets_manifest_backup
kept_dir=$release/.capdoit-assets
seed_names='' saved_mtime=''
newline='
'

die() {
    printf '%s\n' "$*" >&2
    exit 1
}

# -- manifests

# Print the manifests in a directory. Only the first pattern that matches counts, because an asset can have a name like
# a manifest. Arguments: the directory.
list_manifests() (
    cd "$1" 2>/dev/null || exit 0
    match_patterns first
)

# Print all names in a directory that match a pattern, including broken symlinks. Arguments: the directory.
list_manifest_names() (
    cd "$1" 2>/dev/null || exit 0
    match_patterns all
)

# Arguments: "first" to stop after the first pattern that matches, or "all".
match_patterns() {
    set -f
    # shellcheck disable=SC2086 # one word for each pattern
    set -- "$1" $manifest_patterns
    set +f
    mode=$1
    shift
    for pattern; do
        found=
        for name in $pattern; do
            if [ -f "$name" ] || { [ "$mode" = all ] && [ -h "$name" ]; }; then
                found=$name
                printf '%s\n' "$name"
            fi
        done
        [ -z "$found" ] || [ "$mode" = all ] || break
    done
}

# The awk program that prints the files that a manifest names as served:
#   Sprockets  {"assets": {"shop.css": "shop-1a2b.css"}, "files": …}, without the earlier files in "files"
#   Propshaft  {"shop.css": "shop-1a2b.css"} or {"shop.css": {"digested_path": "shop-1a2b.css"}}
#   Webpack    {"shop.js": "/packs/shop-1a2b.js"}
#   Rails 3    shop.css: shop-1a2b.css
# shellcheck disable=SC2016
manifest_parser='
    function is_name() {
        return depth == 1 || (depth == 2 && (key[1] == "assets" || key[2] == "digested_path"))
    }
    function print_name(text) {
        gsub(/\\\//, "/", text)
        if (index(text, "/" prefix "/") == 1) text = substr(text, length(prefix) + 3)
        if (text == "" || text ~ /^\/|^[a-z]+:|\\|(^|\/)\.\.(\/|$)/) return # not a path below the prefix
        gsub(/\001/, "\\", text)
        gsub(/\002/, "\"", text)
        print text
    }
    {
        gsub(/\\\\/, "\001")
        gsub(/\\"/, "\002")
        n = split($0, part, "\"")
        for (i = 1; i <= n; i++) {
            if (i % 2) {
                for (j = 1; j <= length(part[i]); j++) {
                    c = substr(part[i], j, 1)
                    if (c == "{" || c == "[") { depth++; key[depth] = "" }
                    if (c == "}" || c == "]") depth--
                }
            } else if (part[i + 1] ~ /^[ \t\r]*:/) {
                key[depth] = part[i]
            } else if (is_name()) {
                print_name(part[i])
            }
        }
    }
'

# Print the files that the manifests in a directory name. Arguments: the directory.
list_named_files() {
    list_manifests "$1" | while IFS= read -r name; do
        case $name in
            *.yml) sed -n 's/^[^#:]*:[ "]*\([^ "][^"]*\)"*$/\1/p' "$1/$name" ;;
            *) tr '\n' ' ' <"$1/$name" | LC_ALL=C awk -v prefix="$prefix" "$manifest_parser" ;;
        esac
    done
}

# -- files

# Print the files that a release keeps. Arguments: its .capdoit-assets.
list_kept_files() (
    cd "$1/files" 2>/dev/null || exit 0
    find . -type f | sed 's,^\./,,'
)

# Put a kept file into the shared directory; readers never see a partial file. Arguments: its name.
place_file() {
    case $1 in */*) mkdir -p "$shared_dir/${1%/*}" ;; esac
    part=$shared_dir/$1.$(uname -n)-$$.capdoit-part # unique name: several hosts may share the directory
    rm -f "$part"
    # A hard link is not possible on another file system.
    ln "$kept_dir/files/$1" "$part" 2>/dev/null || cp -p "$kept_dir/files/$1" "$part"
    mv -f "$part" "$shared_dir/$1"
}

# Put the kept files that the shared directory lacks into it; files that it has are not changed.
add_missing_files() {
    list_kept_files "$kept_dir" | while IFS= read -r name; do
        [ -e "$shared_dir/$name" ] || place_file "$name"
    done
}

# Print the files that the manifests in a directory name and that exist nowhere. Arguments: the directory.
list_lost_files() {
    list_named_files "$1" | while IFS= read -r name; do
        [ -e "$shared_dir/$name" ] || [ -e "$kept_dir/files/$name" ] || printf '%s\n' "$name"
    done
}

# -- compiling

# Put the symlink public/<prefix> back. If the compilation was interrupted, its files are removed.
restore_link() {
    if [ -h "$kept_dir/link" ]; then
        [ -h "$own_dir" ] || rm -rf "$own_dir"
        mv -f "$kept_dir/link" "$own_dir"
    fi
    rm -f "$kept_dir/seed"
    # Capistrano orders releases by the mtime of their directories and may take over at any time.
    if [ -n "$saved_mtime" ]; then
        touch -r "$saved_mtime" "$release"
        rm -f "$saved_mtime"
    fi
}

# Compile the assets in a directory that no other release sees.
# Arguments: "with_history" to continue the live release's manifest, or "without_history" to use only its name; then the
# command that runs Rails' tasks.
compile_assets() {
    history=$1
    shift
    # shellcheck disable=SC3013 # dash, bash and busybox have -ef
    [ ! "$release/" -ef "$deploy_to/current/" ] ||
        die "$release is live; its assets cannot be compiled while they are served"
    saved_mtime=$(mktemp)
    touch -r "$release" "$saved_mtime"
    trap restore_link EXIT
    trap 'exit 1' HUP INT TERM
    mkdir -p "$kept_dir"
    mv "$own_dir" "$kept_dir/link"
    mkdir "$own_dir"
    seed_manifests "$history"
    "$@" assets:precompile
    drop_unused_seeds
    if [ "$history" = with_history ] && [ -n "$keep_assets" ]; then list_old_files "$@"; fi
    keep_compiled_files
    restore_link
    saved_mtime=
    trap - EXIT HUP INT TERM
}

# Create manifests with the names of the shared ones, because Sprockets writes into a manifest that it finds.
seed_manifests() {
    touch -t 200001010000 "$kept_dir/seed"
    for name in $(list_manifests "$shared_dir"); do
        if [ "$1" = with_history ]; then
            cat "$shared_dir/$name" >"$own_dir/$name"
        else
            echo '{}' >"$own_dir/$name"
        fi
        touch -r "$kept_dir/seed" "$own_dir/$name"
        seed_names="$seed_names $name"
    done
}

# Remove the seeds that were not written to: the new release has another kind of manifest.
drop_unused_seeds() {
    for name in $seed_names; do
        # shellcheck disable=SC3013
        [ "$own_dir/$name" -nt "$kept_dir/seed" ] || rm -f "$own_dir/$name"
    done
}

# Write the list of files that assets:clean finds too old. The task runs on symlinks, because the live release, or a
# rollback, may still need the files; they are removed once the new release is live and old releases are removed. Files
# on the list of the live release are added: they were too old before, but were still needed.
list_old_files() {
    link_shared_files
    (cd "$own_dir" && find . -type l | sed 's,^\./,,') >"$kept_dir/there"
    "$@" "assets:clean[$keep_assets]"
    {
        while IFS= read -r name; do
            [ -h "$own_dir/$name" ] || printf '%s\n' "$name"
        done <"$kept_dir/there"
        if [ -n "$live_release" ] && [ -f "$live_release/.capdoit-assets/old" ]; then
            cat "$live_release/.capdoit-assets/old"
        fi
    } | sort -u | while IFS= read -r name; do
        [ -f "$own_dir/$name" ] && [ ! -h "$own_dir/$name" ] || [ ! -f "$shared_dir/$name" ] || printf '%s\n' "$name"
    done >"$kept_dir/old"
    rm -f "$kept_dir/there"
    find "$own_dir" -type l -exec rm -f {} +
    find "$own_dir" -depth -type d ! -path "$own_dir" -exec rmdir {} + 2>/dev/null || :
}

# Create symlinks to the shared files, except manifests, in the directory that is compiled into.
link_shared_files() {
    (cd "$shared_dir" && find . -type d) | while IFS= read -r dir; do
        mkdir -p "$own_dir/$dir"
        # ln fails for files that the compilation has created; they stay.
        # shellcheck disable=SC2016
        find "$shared_dir/$dir/." ! -name . -prune -type f ! -name '*.capdoit-part' \
            -exec sh -c 'to=$1; shift; ln -s "$@" "$to/"' sh "$own_dir/$dir" {} + 2>/dev/null || :
    done
    for name in $(list_manifest_names "$own_dir"); do
        [ ! -h "$own_dir/$name" ] || rm -f "$own_dir/$name"
    done
}

# Keep the compiled files, and the manifest where Capistrano keeps it. A manifest that the release already has stays if
# all files that it names exist again: then the release is as it was shipped.
keep_compiled_files() {
    compiled=$(list_manifests "$own_dir")
    [ -n "$compiled" ] || [ -z "$manifest_patterns" ] ||
        die "assets:precompile created no manifest in public/$prefix; expected a name like $manifest_patterns"
    rm -rf "$kept_dir/new" "$kept_dir/manifests"
    mkdir "$kept_dir/manifests"
    for name in $compiled; do
        mv "$own_dir/$name" "$kept_dir/manifests/$name"
    done
    mv "$own_dir" "$kept_dir/new"
    rm -rf "$kept_dir/files"
    mv "$kept_dir/new" "$kept_dir/files"
    if [ -n "$compiled" ] &&
        { [ -z "$(list_manifests "$backup_dir")" ] || [ -n "$(list_lost_files "$backup_dir")" ]; }; then
        rm -rf "$backup_dir"
        mv "$kept_dir/manifests" "$backup_dir"
    fi
    rm -rf "$kept_dir/manifests"
    list_undigested_files
}

# Write the list of files whose names have no digest of their content. Files that have one, and are served already, are
# replaced by hard links, so that they take up space only once.
list_undigested_files() {
    { list_named_files "$backup_dir" && echo && list_kept_files "$kept_dir"; } | LC_ALL=C awk '
        $0 == "" { is_file = 1; next }
        !is_file { named[$0]; next }
        { original = $0; sub(/\.(gz|br|zst)$/, "", original); print ((original in named) ? "digested " : "plain ") $0 }
    ' | while read -r kind name; do
        if [ "$kind" = plain ]; then
            printf '%s\n' "$name"
        elif cmp -s "$shared_dir/$name" "$kept_dir/files/$name"; then
            ln -f "$shared_dir/$name" "$kept_dir/files/$name" 2>/dev/null || : # not possible on another file system
        fi
    done >"$kept_dir/plain"
}

# -- actions

# Compile the release of a deploy. Arguments: the command that runs Rails' tasks.
compile_release() {
    # shellcheck disable=SC3013
    [ -h "$own_dir" ] && [ "$own_dir/" -ef "$shared_dir/" ] ||
        die "public/$prefix is not a symlink to $shared_dir: remove its parent directory from linked_dirs, or" \
            "public/$prefix from the code; or set assets: false, and this recipe leaves it unchanged"
    compile_assets with_history "$@"
    add_missing_files
    link_manifests_early
}

# Restore the assets of the target release. Arguments: the command that runs Rails' tasks.
restore_release() {
    restore_link
    if [ ! -h "$own_dir" ]; then
        echo "public/$prefix is a directory of this release and is left unchanged"
        return
    fi
    lost=$(list_lost_files "$backup_dir")
    if [ -z "$(list_manifests "$backup_dir")" ] && [ -n "$manifest_patterns" ]; then
        echo "the release kept no manifest of its assets; compiling them again"
        compile_assets without_history "$@"
    elif [ -n "$lost" ]; then
        echo "assets that the manifest names are lost, such as ${lost%%"$newline"*}; compiling them again"
        compile_assets without_history "$@"
    fi
    add_missing_files
    lost=$(list_lost_files "$backup_dir")
    [ -z "$lost" ] || die "assets that the manifest names are missing:$newline$lost"
    link_manifests_early
}

# Replace served files whose content differs, and point the manifests to `current`.
publish_release() {
    [ -h "$own_dir" ] || return 0
    add_missing_files
    if [ -f "$kept_dir/plain" ]; then
        while IFS= read -r name; do
            cmp -s "$kept_dir/files/$name" "$shared_dir/$name" || place_file "$name"
        done <"$kept_dir/plain"
    fi
    keep_manifest_of_live_release
    own_manifests=$(list_manifests "$backup_dir")
    for name in $own_manifests; do
        place_link "$shared_dir/$name" "$deploy_to/current/assets_manifest_backup/$name"
    done
    [ -z "$own_manifests" ] || remove_other_manifests
}

# Create the symlinks before the first flip where this changes no content, or where no release is live.
link_manifests_early() {
    for name in $(list_manifests "$backup_dir"); do
        target=$deploy_to/current/assets_manifest_backup/$name
        if [ -f "$shared_dir/$name" ]; then
            if cmp -s "$shared_dir/$name" "$target"; then place_link "$shared_dir/$name" "$target"; fi
        elif [ ! -h "$deploy_to/current" ]; then
            place_link "$shared_dir/$name" "$target"
        fi
    done
}

# Create a symlink, or replace a file or symlink by it. Arguments: the symlink, its target.
place_link() {
    [ "$(readlink "$1" || :)" != "$2" ] || return 0
    part=$1.$(uname -n)-$$.capdoit-part
    rm -f "$part"
    ln -s "$2" "$part"
    mv -f "$part" "$1"
}

# Keep a copy of a manifest that is a file: a deploy without this recipe wrote it for the release that was live before,
# and that release may have no copy.
keep_manifest_of_live_release() {
    if [ -z "$live_release" ] || [ ! -d "$live_release" ] ||
        [ -n "$(list_manifests "$live_release/assets_manifest_backup")" ]; then
        return 0
    fi
    for name in $(list_manifests "$shared_dir"); do
        [ ! -h "$shared_dir/$name" ] || continue
        saved_mtime=$(mktemp)
        touch -r "$live_release" "$saved_mtime"
        mkdir -p "$live_release/assets_manifest_backup"
        cp -p "$shared_dir/$name" "$live_release/assets_manifest_backup/$name"
        touch -r "$saved_mtime" "$live_release"
        rm -f "$saved_mtime"
    done
}

# Remove manifests of other releases that have other names, because Sprockets uses any manifest that it finds.
remove_other_manifests() {
    for name in $(list_manifest_names "$shared_dir"); do
        case $newline$own_manifests$newline in *"$newline$name$newline"*) continue ;; esac
        case $(readlink "$shared_dir/$name" || :) in
            "$deploy_to/current/assets_manifest_backup/"*) rm -f "$shared_dir/$name" ;;
            '') case $name in .sprockets-manifest-*) rm -f "$shared_dir/$name" ;; esac ;;
        esac
    done
}

# Remove the files that assets:clean found too old, except those that a remaining release needs.
remove_old_files() {
    [ -f "$kept_dir/old" ] || return 0
    {
        for other in "$deploy_to"/releases/*/; do
            list_named_files "${other}assets_manifest_backup"
            list_kept_files "${other}.capdoit-assets"
        done
        echo
        cat "$kept_dir/old"
    } | LC_ALL=C awk '
        $0 == "" { is_old = 1; next }
        !is_old { needed[$0]; next }
        { original = $0; sub(/\.(gz|br|zst)$/, "", original) }
        !($0 in needed) && !(original in needed)
    ' | {
        count=0
        while IFS= read -r name; do
            [ ! -f "$shared_dir/$name" ] || count=$((count + 1))
            rm -f "$shared_dir/$name"
        done
        [ "$count" = 0 ] || echo "removed old asset files that no release needs: $count"
    }
}

case $action in
    compile) compile_release "$@" ;;
    restore) restore_release "$@" ;;
    publish) publish_release ;;
    clean) remove_old_files ;;
esac
