# shellcheck shell=sh
# How releases go, and what belongs to them.
# shellcheck disable=SC2154
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
    remove_tree .capdoit/removed
    [ -w "./releases/$1" ] || chmod u+rwx "./releases/$1"
    mv "./releases/$1" .capdoit/removed
    remove_tree .capdoit/removed
}

# Manifests outlive their releases in archives only.
forget_manifests() {
    for manifest in .capdoit/manifests/[0-9]*; do
        kept=${manifest##*/}
        [ -e "releases/$kept" ] || [ -e "rolled-back-release-$kept.tar.gz" ] || rm -f "$manifest"
    done
}
