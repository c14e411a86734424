# shellcheck shell=sh
# Removal of releases. A release is first moved into .capdoit/removed, so that an interrupted removal leaves no incomplete
# release. What cannot be deleted there stays, is in the way of no other release, and is tried again at every cleanup.
# Needs: die print_fact remove_tree to_one_line
# Given: deploy_to

# Remove a release; delete_removed completes it. This is the only place that does: the name must be 14 digits, releases/ no
# symlink, and the release not live.
remove_release() {
    case $1 in
        [0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]) ;;
        *) die "not a release: $1" ;;
    esac
    [ ! -L releases ] || die "$deploy_to/releases is a symlink; nothing is removed through it"
    # -ef is POSIX since 2024; dash, bash and busybox have long had it.
    # shellcheck disable=SC3013
    [ ! "current/" -ef "releases/$1/" ] || die "$1 is live and is not removed"
    [ -w "./releases/$1" ] || chmod u+rwx "./releases/$1" 2>/dev/null || :
    move_to_removed "releases/$1" || report_unremoved "releases/$1"
}

# Move a tree into .capdoit/removed, next to what may be left there of another tree with its name. On failure, set
# $mount_point or $reason.
move_to_removed() {
    if has_mount_point "$1"; then return 1; fi
    if [ -L .capdoit/removed ]; then rm -f .capdoit/removed; fi
    place=.capdoit/removed # a full disk may have no room for a directory: then the tree takes its place
    if mkdir -p .capdoit/removed 2>/dev/null; then
        place=.capdoit/removed/${1##*/}
        while [ -e "$place" ] || [ -L "$place" ]; do place=$place+; done
    fi
    reason=$(mv "$1" "$place" 2>&1)
}

# Remove a tree ($1) of a flow that died, or move it out of the way. On failure, print in one line what to type.
clear_scratch() {
    if remove_tree "$1" 2>/dev/null || move_to_removed "$1"; then return 0; fi
    stuck="$(pwd)/$1"
    case ${mount_point:+mounted}$reason in
        mounted*) command="sudo umount \"$mount_point\"" ;;
        *"Operation not permitted"*) command="sudo chattr -R -i \"$stuck\"; sudo rm -rf \"$stuck\"" ;;
        *) command="sudo rm -rf \"$stuck\"" ;;
    esac
    printf '%s cannot be removed; type there: %s\n' "$stuck" "$command" >&2
    return 1
}

# Delete everything in .capdoit/removed; print a fact for each tree that cannot be deleted.
delete_removed() {
    if [ -L .capdoit/removed ]; then return 0; fi
    for tree in .capdoit/removed/* .capdoit/removed/.[!.]*; do
        if [ ! -e "$tree" ] && [ ! -L "$tree" ]; then continue; fi
        if has_mount_point "$tree" || ! reason=$(delete_tree "$tree"); then report_unremoved "$tree"; fi
    done
    rmdir .capdoit/removed 2>/dev/null || :
}

# Delete a tree, or print the first reason why that is impossible.
delete_tree() {
    LC_ALL=C
    export LC_ALL
    remove_tree "$1" 2>&1 | head -n 1
    [ ! -e "$1" ] && [ ! -L "$1" ]
}

# Find a file system that is mounted in a tree, whose files rm would delete, too. Set $mount_point, and empty $reason.
has_mount_point() {
    mount_point=
    reason=
    if [ -L "$1" ] || [ ! -d "$1" ] || [ ! -r /proc/self/mountinfo ]; then return 1; fi
    mounted_in=$(cd "$1" 2>/dev/null && pwd -P) || return 1
    mount_point=$(
        cut -d ' ' -f 5 /proc/self/mountinfo | sed 's/\\040/ /g' | while IFS= read -r point; do
            case $point in
                "$mounted_in" | "$mounted_in"/*) printf '%s\n' "$point" ;;
            esac
        done | head -n 1
    )
    [ -n "$mount_point" ]
}

report_unremoved() {
    tab=$(printf '\t')
    print_fact unremoved "$deploy_to/$(to_one_line "$1")$tab$(to_one_line "$mount_point")$tab$(to_one_line "$reason")"
}
