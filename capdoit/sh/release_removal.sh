# shellcheck shell=sh
# Removal of releases.
# Needs: die remove_tree
# Given: deploy_to

# Remove a release. This is the only place that does: the name must be 14 digits, releases/ no symlink, and the
# release not live. The rename comes first, so that an interrupted removal leaves no incomplete release.
remove_release() {
    case $1 in
        [0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]) ;;
        *) die "not a release: $1" ;;
    esac
    [ ! -L releases ] || die "$deploy_to/releases is a symlink; nothing is removed through it"
    # -ef is POSIX since 2024; dash, bash and busybox have long had it.
    # shellcheck disable=SC3013
    [ ! "current/" -ef "releases/$1/" ] || die "$1 is live and is not removed"
    remove_tree .capdoit/removed
    [ -w "./releases/$1" ] || chmod u+rwx "./releases/$1"
    mv "./releases/$1" .capdoit/removed
    remove_tree .capdoit/removed
}
