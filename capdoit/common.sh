# shellcheck shell=sh
# What every script of a flow begins with. deploy_to, run (the flow's id) and entry (a line for the
# journal, or nothing) are assigned in front.
# shellcheck disable=SC2154
set -eu
unset CDPATH

die() {
    printf '%s\n' "$*" >&2
    exit 1
}

# Only the flow that holds the lock may change anything: who was unlocked by force stops here.
fenced() {
    case $(cat .capdoit/lock 2>/dev/null) in
        *"\"run\": \"$run\""*) ;;
        *) die "the lock of $deploy_to is no longer held by this flow; it was unlocked, or taken over" ;;
    esac
}

# A line that a full disk cut short must not swallow the next one.
journal() {
    [ -n "$1" ] || return 0
    if [ -s .capdoit/journal ] && [ -n "$(tail -c 1 .capdoit/journal)" ]; then
        printf '\n' >>.capdoit/journal
    fi
    printf '%s\n' "$1" >>.capdoit/journal
}

live() {
    link=
    if [ -L current ]; then link=$(readlink current); fi
    printf '%s' "$link" | tr '\n\t\r' '???'
    echo
}

# The only rm of releases: fourteen digits, below a releases/ that is no link, and never the live one. A
# rename goes first, so that one whose removal is cut short is no release any more.
remove_release() {
    case $1 in
        [0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]) ;;
        *) die "not a release: $1" ;;
    esac
    [ ! -L releases ] || die "$deploy_to/releases is a link; nothing is removed through it"
    # -ef is POSIX since 2024; dash, bash and busybox have long had it.
    # shellcheck disable=SC3013
    [ ! "current/" -ef "releases/$1/" ] || die "$1 is live and is not removed"
    rm -rf .capdoit/removed
    mv "./releases/$1" .capdoit/removed
    rm -rf .capdoit/removed
}

# Manifests outlive their releases in archives only.
forget_manifests() {
    for manifest in .capdoit/manifests/[0-9]*; do
        kept=${manifest##*/}
        [ -e "releases/$kept" ] || [ -e "rolled-back-release-$kept.tar.gz" ] || rm -f "$manifest"
    done
}

cd "$deploy_to"
