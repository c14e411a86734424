# shellcheck shell=sh
# Check that permissions can be changed, or change them, in a release and in the directories that are linked into it.
# Arguments: the action (check or change); the flow; the release; the directory that releases share; users and groups
# that get access by ACL, with spaces; their rights; the group and the change of the mode, or nothing; then the paths.
set -eu
unset CDPATH
action=$1 flow=$2 release=$3 shared=$4 users=$5 groups=$6 access=$7 group=$8 mode=$9
shift 9
me=$(id -un)
mine=
[ "$(id -u)" = 0 ] || mine="-user $me" # others' files can be changed by root only

die() {
    printf '%s\n' "$@" >&2
    exit 1
}

# Print the entries of the ACL, with commas. Arguments: the beginning of each entry, "" or "d:" for new files.
print_entries() {
    entries=
    [ -z "$mine" ] || entries="${1}u:$me:rwX"
    for name in $users; do entries=${entries:+$entries,}${1}u:$name:$access; done
    for name in $groups; do entries=${entries:+$entries,}${1}g:$name:$access; done
    printf '%s' "$entries"
}

has_acl() {
    [ -n "$users$groups" ]
}

# -- checks before anything is changed

check_host() {
    for name in $users; do
        id -u "$name" >/dev/null 2>&1 || die "the user $name does not exist on this host; see the option users"
    done
    for name in $groups $group; do
        getent group "$name" >/dev/null 2>&1 || grep -q "^$name:" /etc/group ||
            die "the group $name does not exist on this host; see the options group and groups"
    done
    if [ -n "$group" ] && [ -n "$mine" ]; then
        case " $(id -Gn) " in
            *" $group "*) ;;
            *) die "$me is not in the group $group. Run as root on this host: usermod -aG $group $me" ;;
        esac
    fi
    if has_acl; then check_acl; fi
}

check_acl() {
    for tool in setfacl getfacl; do
        command -v "$tool" >/dev/null || die "$tool is not installed. Run as root on this host: apt-get install acl"
    done
    [ -d "$shared" ] || return 0
    probe=$(mktemp -d "$shared/.capdoit-acl-XXXXXX")
    answer=$(setfacl -m "$(print_entries '')" "$probe" 2>&1) || {
        rmdir "$probe"
        die "the file system of $shared has no ACL: $answer" "Mount it with the option acl, or set group, not users."
    }
    rmdir "$probe"
}

# -- the places to change

# Print the real paths of the paths, and of the linked directories and files in them. Arguments: the paths.
print_places() {
    for path; do
        readlink -f "$path"
        [ -h "$path" ] || find "$path" -type l -exec readlink {} + | while IFS= read -r target; do
            case $target in "$shared"/*) readlink -f "$target" ;; esac
        done
    done
}

# Check whether a directory has the ACL and the group already; a mode without them is not compared.
# Arguments: the directory.
is_done() {
    [ -d "$1" ] || return 1
    if ! has_acl && [ -n "$mode" ]; then return 1; fi
    [ -z "$group" ] || [ "$(stat -c %G "$1")" = "$group" ] || return 1
    if has_acl; then
        acl=$(getfacl -cp "$1" 2>/dev/null)
        rights=$(print_directory_rights)
        for name in $users; do
            printf '%s\n' "$acl" | grep -q "^default:user:$name:$rights" || return 1
        done
        for name in $groups; do
            printf '%s\n' "$acl" | grep -q "^default:group:$name:$rights" || return 1
        done
    fi
}

# Print the rights that a directory gets, as getfacl prints them.
print_directory_rights() {
    rights=
    for right in r w x; do
        case $access in
            *"$right"*) rights=$rights$right ;;
            *X*) if [ "$right" = x ]; then rights=${rights}x; else rights=$rights-; fi ;;
            *) rights=$rights- ;;
        esac
    done
    printf %s "$rights"
}

# Print the paths of others that lack the rights. Arguments: the place.
find_unchangeable() {
    [ -n "$mine" ] || return 0
    if [ -n "$group" ]; then
        find "$1" ! -user "$me" ! -group "$group" ! -type l
    elif has_acl; then
        # shellcheck disable=SC2016 # the variables are those of the other shell
        find "$1" ! -user "$me" ! -type l -exec sh -c '
            users=$1 groups=$2
            shift 2
            for path; do
                acl=$(getfacl -cp "$path")
                owner=$(stat -c %U "$path")
                for entry in $users $groups; do
                    [ "$entry" != "user:$owner" ] || continue
                    printf "%s\n" "$acl" | grep -q "^$entry:" || { printf "%s\n" "$path"; break; }
                done
            done' find "$(prefix_words user: "$users")" "$(prefix_words group: "$groups")" {} +
    fi
}

# Print words, each with a prefix. Arguments: the prefix, the words.
prefix_words() {
    for word in $2; do printf '%s%s ' "$1" "$word"; done
}

refuse_paths_of_others() {
    found=$(find_unchangeable "$1")
    [ -n "$found" ] || return 0
    command="setfacl -R -m $(print_entries ''),$(print_entries d:) $1"
    [ -z "$group" ] || command="chgrp -R $group $1"
    count=$(printf '%s\n' "$found" | wc -l | tr -d ' ')
    die "$me cannot change files of other users in $1 ($count), such as" \
        "$(printf '%s\n' "$found" | head -n 3 | sed 's/^/  /')" "Run as root on this host: $command"
}

# -- changes

# Change a place. An ACL comes last, because chmod changes its mask. Arguments: the place.
change_place() {
    refuse_paths_of_others "$1"
    # shellcheck disable=SC2086 # two words or none
    set -- "$1" $mine
    if [ -n "$group" ]; then
        find "$@" ! -type l ! -group "$group" -exec chgrp "$group" {} +
        find "$@" -type d ! -perm -2000 -exec chmod g+s {} +
    fi
    if [ -n "$mode" ]; then find "$@" ! -type l -exec chmod "$mode" {} +; fi
    if has_acl; then
        find "$@" ! -type l ! -type d -exec setfacl -m "$(print_entries '')" {} +
        find "$@" -type d -exec setfacl -m "$(print_entries ''),$(print_entries d:)" {} +
    fi
}

# Check whether a place is in the release: in a deploy, its files are new and must be changed.
is_new() {
    [ "$flow" = deploy ] || return 1
    case $1/ in "$(readlink -f "$release")"/*) return 0 ;; esac
    return 1
}

if [ "$action" = check ]; then
    check_host
    exit 0
fi
cd "$release" || exit
for path; do
    shift
    if [ -e "$path" ]; then
        set -- "$@" "$path"
    elif [ "$flow" = rollback ]; then
        echo "the release has no $path: it was deployed without that path, whose permissions are left out"
    else
        die "$path does not exist in the release; see the option paths"
    fi
done
[ "$#" != 0 ] || exit 0
places=$(print_places "$@")
printf '%s\n' "$places" | while IFS= read -r place; do
    if is_new "$place" || ! is_done "$place"; then
        change_place "$place"
    fi
done
