# shellcheck shell=sh
# What the recipe rails does with compiled assets on a host.
#
# public/<prefix> of every release is a link to one directory below shared: pages of an older release still ask for its
# files. But the application reads there, when it starts, which file is which: the manifest. A new release that is
# compiled into that directory would leave its manifest to the live one, which may start again at any time, or for ever,
# when the deploy fails. So nothing is ever compiled there:
#   - While a release is compiled, its own public/<prefix> is a directory instead of the link; no other release sees it.
#     The manifest of the live release is put there first, for Sprockets to go on with its history.
#   - The new manifest goes to assets_manifest_backup of the release, where capistrano-rails keeps it, and all files to
#     .capdoit-assets. Those that are not below shared yet are added there, which nobody notices.
#   - The manifest below shared is a link to current/assets_manifest_backup/<name>. So it changes in the same instant as
#     `current`, in a deploy, in a rollback, and when hosts flip back; whoever dies in between leaves a pair that fits.
#     It is made once a release is live; what it takes the place of, a file that Capistrano left, is kept for its release.
# Arguments: what to do; the release; deploy_to; the directory below public; the release that is or was live; the number
# for assets:clean; patterns of manifests; then the program that has Rails' tasks.
set -eu
unset CDPATH
what=$1 release=$2 deploy_to=$3 prefix=$4 live=$5 keep=$6 patterns=$7
shift 7
own=$release/public/$prefix
shared=$deploy_to/shared/public/$prefix
backup=$release/assets_manifest_backup
kept=$release/.capdoit-assets
seeds='' age=''
newline='
'

die() {
    printf '%s\n' "$*" >&2
    exit 1
}

# -- manifests

# The manifests in a directory: by the first pattern that fits any, since an asset, too, may be called manifest.
manifests_in() (
    cd "$1" 2>/dev/null || exit 0
    each_pattern first
)

# All that a directory has by these names, links that lead nowhere among it.
like_manifests_in() (
    cd "$1" 2>/dev/null || exit 0
    each_pattern all
)

each_pattern() {
    set -f
    # shellcheck disable=SC2086 # words
    set -- "$1" $patterns
    set +f
    which=$1
    shift
    for pattern; do
        found=
        for name in $pattern; do
            if [ -f "$name" ] || { [ "$which" = all ] && [ -h "$name" ]; }; then
                found=$name
                printf '%s\n' "$name"
            fi
        done
        [ -z "$found" ] || [ "$which" = all ] || break
    done
}

# The files that the manifests in a directory name as those to serve:
#   Sprockets  {"assets": {"shop.css": "shop-1a2b.css"}, "files": …}; what it has been before is in files
#   Propshaft  {"shop.css": "shop-1a2b.css"} or {"shop.css": {"digested_path": "shop-1a2b.css"}}
#   Webpack    {"shop.js": "/packs/shop-1a2b.js"}
#   Rails 3    shop.css: shop-1a2b.css
# shellcheck disable=SC2016
strings='
    function is_name() {
        return depth == 1 || (depth == 2 && (key[1] == "assets" || key[2] == "digested_path"))
    }
    function name(text) {
        gsub(/\\\//, "/", text)
        if (index(text, "/" prefix "/") == 1) text = substr(text, length(prefix) + 3)
        if (text == "" || text ~ /^\/|^[a-z]+:|\\|(^|\/)\.\.(\/|$)/) return # elsewhere, or odd
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
                name(part[i])
            }
        }
    }
'
named_in() {
    manifests_in "$1" | while IFS= read -r name; do
        case $name in
            *.yml) sed -n 's/^[^#:]*:[ "]*\([^ "][^"]*\)"*$/\1/p' "$1/$name" ;;
            *) tr '\n' ' ' <"$1/$name" | LC_ALL=C awk -v prefix="$prefix" "$strings" ;;
        esac
    done
}

# -- files

# The files that a release keeps in its .capdoit-assets.
files_in() (
    cd "$1/files" 2>/dev/null || exit 0
    find . -type f | sed 's,^\./,,'
)

# Have a file below shared, whole at every moment.
bring() {
    case $1 in */*) mkdir -p "$shared/${1%/*}" ;; esac
    part=$shared/$1.$(uname -n)-$$.capdoit-part # hosts may share the directory that is served
    rm -f "$part"
    ln "$kept/files/$1" "$part" 2>/dev/null || cp -p "$kept/files/$1" "$part" # another file system
    mv -f "$part" "$shared/$1"
}

# Serve what is not served yet; what is there stays as it is.
add() {
    files_in "$kept" | while IFS= read -r name; do
        [ -e "$shared/$name" ] || bring "$name"
    done
}

# What the manifests in a directory name and nobody has any more.
missing_of() {
    named_in "$1" | while IFS= read -r name; do
        [ -e "$shared/$name" ] || [ -e "$kept/files/$name" ] || printf '%s\n' "$name"
    done
}

# -- compiling

# Have the link again, however compiling ended; what it was cut off from is not compiled to its end.
link_again() {
    if [ -h "$kept/link" ]; then
        [ -h "$own" ] || rm -rf "$own"
        mv -f "$kept/link" "$own"
    fi
    rm -f "$kept/seed"
    if [ -n "$age" ]; then # Capistrano goes by the age of the directories, and may take over at any time
        touch -r "$age" "$release"
        rm -f "$age"
    fi
}

# Compile with nobody else looking: `history` goes on with the manifest of the live release, `anew` with its name alone.
compile() {
    with=$1
    shift
    # shellcheck disable=SC3013 # every sh that hosts have knows it
    [ ! "$release/" -ef "$deploy_to/current/" ] || die "$release is live; its assets are not compiled while they are served"
    age=$(mktemp)
    touch -r "$release" "$age"
    trap link_again EXIT
    trap 'exit 1' HUP INT TERM
    mkdir -p "$kept"
    mv "$own" "$kept/link"
    mkdir "$own"
    seed "$with"
    "$@" assets:precompile
    drop_seeds
    if [ "$with" = history ] && [ -n "$keep" ]; then clean_apart "$@"; fi
    take
    link_again
    age=
    trap - EXIT HUP INT TERM
}

# Files named as the manifests that are there: Sprockets writes on into the one that it finds.
seed() {
    touch -t 200001010000 "$kept/seed"
    for name in $(manifests_in "$shared"); do
        if [ "$1" = history ]; then cat "$shared/$name" >"$own/$name"; else echo '{}' >"$own/$name"; fi
        touch -r "$kept/seed" "$own/$name"
        seeds="$seeds $name"
    done
}

# Nobody wrote on: the release has another kind of manifest.
drop_seeds() {
    for name in $seeds; do
        # shellcheck disable=SC3013
        [ "$own/$name" -nt "$kept/seed" ] || rm -f "$own/$name"
    done
}

# Let assets:clean say which files are too old, on links to them: the live release may still need them, and so may a
# rollback. They are removed when the release is live, and old releases are gone; those that are needed stay on the list.
clean_apart() {
    (cd "$shared" && find . -type d) | while IFS= read -r dir; do
        mkdir -p "$own/$dir"
        # shellcheck disable=SC2016
        find "$shared/$dir/." ! -name . -prune -type f ! -name '*.capdoit-part' \
            -exec sh -c 'to=$1; shift; ln -s "$@" "$to/"' sh "$own/$dir" {} + 2>/dev/null || : # what is new is there
    done
    for name in $(like_manifests_in "$own"); do
        [ ! -h "$own/$name" ] || rm -f "$own/$name"
    done
    (cd "$own" && find . -type l | sed 's,^\./,,') >"$kept/there"
    "$@" "assets:clean[$keep]"
    {
        while IFS= read -r name; do
            [ -h "$own/$name" ] || printf '%s\n' "$name"
        done <"$kept/there"
        [ -z "$live" ] || [ ! -f "$live/.capdoit-assets/old" ] || cat "$live/.capdoit-assets/old"
    } | sort -u | while IFS= read -r name; do
        [ -f "$own/$name" ] && [ ! -h "$own/$name" ] || [ ! -f "$shared/$name" ] || printf '%s\n' "$name"
    done >"$kept/old"
    rm -f "$kept/there"
    find "$own" -type l -exec rm -f {} +
    find "$own" -depth -type d ! -path "$own" -exec rmdir {} + 2>/dev/null || :
}

# Keep what was compiled, the manifest where Capistrano does. One that the release was shipped with stays, if all that it
# names is there again: the release is then as it was.
take() {
    made=$(manifests_in "$own")
    [ -n "$made" ] || [ -z "$patterns" ] ||
        die "assets:precompile made no manifest in public/$prefix, where it should be like $patterns"
    rm -rf "$kept/new" "$kept/manifests"
    mkdir "$kept/manifests"
    for name in $made; do
        mv "$own/$name" "$kept/manifests/$name"
    done
    mv "$own" "$kept/new"
    rm -rf "$kept/files"
    mv "$kept/new" "$kept/files"
    if [ -n "$made" ] && { [ -z "$(manifests_in "$backup")" ] || [ -n "$(missing_of "$backup")" ]; }; then
        rm -rf "$backup"
        mv "$kept/manifests" "$backup"
    fi
    rm -rf "$kept/manifests"
    undigested
}

# Note the files whose names do not tell what is in them; those that tell, and are served already, are kept only once.
undigested() {
    { named_in "$backup" && echo && files_in "$kept"; } | LC_ALL=C awk '
        $0 == "" { is_file = 1; next }
        !is_file { named[$0]; next }
        { told = $0; sub(/\.(gz|br|zst)$/, "", told); print ((told in named) ? "told " : "plain ") $0 }
    ' | while read -r kind name; do
        if [ "$kind" = plain ]; then
            printf '%s\n' "$name"
        elif cmp -s "$shared/$name" "$kept/files/$name"; then
            ln -f "$shared/$name" "$kept/files/$name" 2>/dev/null || : # another file system
        fi
    done >"$kept/plain"
}

# -- what the hooks do

in_deploy() {
    # shellcheck disable=SC3013
    [ -h "$own" ] && [ "$own/" -ef "$shared/" ] ||
        die "public/$prefix is not the link to $shared that it should be (linked_dirs has what is around it, or the code has it); with assets: false this recipe leaves it alone"
    compile history "$@"
    add
    lead_early
}

in_rollback() {
    link_again
    if [ ! -h "$own" ]; then
        echo "public/$prefix is this release's own, and stays as it is"
        return
    fi
    gone=$(missing_of "$backup")
    if [ -z "$(manifests_in "$backup")" ] && [ -n "$patterns" ]; then
        echo "no manifest of its assets was kept; compiling them again"
        compile anew "$@"
    elif [ -n "$gone" ]; then
        echo "its manifest names files that are gone, such as ${gone%%"$newline"*}; compiling them again"
        compile anew "$@"
    fi
    add
    gone=$(missing_of "$backup")
    [ -z "$gone" ] || die "its manifest names files that are not there:$newline$gone"
    lead_early
}

# Serve what has another content under the same name, and lead to the manifest of what is live.
publish() {
    [ -h "$own" ] || return 0
    add
    if [ -f "$kept/plain" ]; then
        while IFS= read -r name; do
            cmp -s "$kept/files/$name" "$shared/$name" || bring "$name"
        done <"$kept/plain"
    fi
    keep_for_live
    ours=$(manifests_in "$backup")
    for name in $ours; do
        lead "$shared/$name" "$deploy_to/current/assets_manifest_backup/$name"
    done
    [ -z "$ours" ] || drop_others
}

# Have the links before the first flip, where they lead to what is there already, or when nothing is live.
lead_early() {
    for name in $(manifests_in "$backup"); do
        now=$deploy_to/current/assets_manifest_backup/$name
        if [ -f "$shared/$name" ]; then
            if cmp -s "$shared/$name" "$now"; then lead "$shared/$name" "$now"; fi
        elif [ ! -h "$deploy_to/current" ]; then
            lead "$shared/$name" "$now"
        fi
    done
}

lead() {
    [ "$(readlink "$1" || :)" != "$2" ] || return 0
    part=$1.$(uname -n)-$$.capdoit-part
    rm -f "$part"
    ln -s "$2" "$part"
    mv -f "$part" "$1"
}

# A manifest that is a file was that of the release before this one; somebody else deployed it, and may have kept no copy.
keep_for_live() {
    if [ -z "$live" ] || [ ! -d "$live" ] || [ -n "$(manifests_in "$live/assets_manifest_backup")" ]; then
        return 0
    fi
    for name in $(manifests_in "$shared"); do
        [ ! -h "$shared/$name" ] || continue
        age=$(mktemp)
        touch -r "$live" "$age"
        mkdir -p "$live/assets_manifest_backup"
        cp -p "$shared/$name" "$live/assets_manifest_backup/$name"
        touch -r "$age" "$live"
        rm -f "$age"
    done
}

# Sprockets takes any that it finds: those of other releases, which have another name, must not be there.
drop_others() {
    for name in $(like_manifests_in "$shared"); do
        case $newline$ours$newline in *"$newline$name$newline"*) continue ;; esac
        case $(readlink "$shared/$name" || :) in
            "$deploy_to/current/assets_manifest_backup/"*) rm -f "$shared/$name" ;;
            '') case $name in .sprockets-manifest-*) rm -f "$shared/$name" ;; esac ;;
        esac
    done
}

# Remove what assets:clean found too old, but for what a release that is still there needs.
clean() {
    [ -f "$kept/old" ] || return 0
    {
        for other in "$deploy_to"/releases/*/; do
            named_in "${other}assets_manifest_backup"
            files_in "${other}.capdoit-assets"
        done
        echo
        cat "$kept/old"
    } | LC_ALL=C awk '
        $0 == "" { is_old = 1; next }
        !is_old { needed[$0]; next }
        { told = $0; sub(/\.(gz|br|zst)$/, "", told) }
        !($0 in needed) && !(told in needed)
    ' | {
        count=0
        while IFS= read -r name; do
            [ ! -f "$shared/$name" ] || count=$((count + 1))
            rm -f "$shared/$name"
        done
        [ "$count" = 0 ] || echo "old files of assets that no release needs are removed: $count"
    }
}

case $what in
    compile) in_deploy "$@" ;;
    restore) in_rollback "$@" ;;
    publish) publish ;;
    clean) clean ;;
esac
