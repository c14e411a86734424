# shellcheck shell=sh
# Print the facts of a host. Change nothing, unless make_dirs asks for the directories of a deploy.
# Needs: can_read create_shared_symlinks die find_existing for_each_shared_path has_leftovers has_reserve
# Needs: is_installed is_on_read_only_file_system
# Needs: is_safe_deploy_to is_writable print_directory_id print_fact print_space print_user report_lock
# Needs: report_missing_tools require_tools to_one_line
# Given: deploy_to hook_tools linked_dirs linked_files make_dirs scratch tools
# Environment: hook_path
LC_ALL=C
export LC_ALL
unset CDPATH

# Stop where a directory cannot be entered: otherwise deploy_to would seem to be missing.
require_entry() {
    place=$(find_existing "$deploy_to")
    if [ -d "$place" ] && [ ! -x "$place" ]; then
        die "$(to_one_line "$place") cannot be entered by $(print_user)"
    fi
}

create_directories() {
    create_shared_symlinks | while read -r place; do print_fact not_made "$deploy_to/$(to_one_line "$place")"; done
    if [ ! -d releases ] || [ ! -d shared ]; then print_fact made "$deploy_to"; fi
    mkdir -p releases shared || print_fact not_made "$deploy_to"
    eval "set -- $linked_dirs"
    for path; do
        create_shared_directory "$path"
    done
    eval "set -- $linked_files"
    for path; do
        case $path in
            */*) create_shared_directory "${path%/*}" ;;
        esac
    done
}

# Report why a deploy cannot use a path ($1) that points to a directory ($2), according to shared_to.
report_shared_problem() {
    place=$(to_one_line "$deploy_to/$1")
    if [ ! -d "$2" ]; then
        print_fact shared_problem "$(to_one_line "$2"), where $place leads, is not a directory"
    elif [ -e "$1" ] && [ ! -L "$1" ]; then
        print_fact shared_problem "$place is not a symlink, and shared_to says $(to_one_line "$2")"
    fi
}

create_shared_directory() {
    if [ -d "shared/$1" ]; then return; fi
    print_fact made "$deploy_to/shared/$(to_one_line "$1")"
    mkdir -p "shared/$1" || print_fact not_made "$deploy_to/shared/$(to_one_line "$1")"
}

# Check that a symlink points to no directory. Where a directory on the way is closed to the user, that is not known.
leads_nowhere() {
    if [ -d "$1" ]; then return 1; fi
    ! is_hidden "$1"
}

report_current() {
    if [ -L current ]; then
        print_fact current "$(to_one_line "$(readlink current)")"
        if place=$(cd current/ 2>/dev/null && pwd -P); then print_fact current_place "$(to_one_line "$place")"; fi
        if leads_nowhere current; then print_fact current_is_broken yes; fi
    elif [ -e current ]; then
        print_fact current_is_no_link yes
    fi
}

report_missing_linked_files() {
    eval "set -- $linked_files"
    number=0
    for path; do
        if [ ! -e "shared/$path" ]; then print_fact no_file "$number"; fi
        number=$((number + 1))
    done
}

report_releases() {
    # A file of more than 4096 bytes is not a revision, and sh would take long to read it.
    large=" $(find ./*/REVISION -prune -size +8 2>/dev/null | tr '\n' ' ') "
    for name in *; do
        case $name in
            [0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9])
                revision=
                if [ -d "$name" ] && [ ! -L "$name" ] && ! can_read "$name"; then
                    print_fact not_readable "releases/$name"
                elif [ -f "$name/REVISION" ] && [ ! -L "$name" ]; then
                    case $large in
                        *" ./$name/REVISION "*) ;;
                        *) read -r revision <"$name/REVISION" || : ;;
                    esac
                fi
                case $revision in
                    *[!0-9A-Za-z._-]*) revision= ;;
                esac
                print_fact release "$name $revision"
                ;;
            '*') ;;
            *) print_fact stray "$(to_one_line "$name")" ;;
        esac
    done
}

report_archives() {
    for name in rolled-back-release-[0-9]*.tar.gz; do
        if [ -f "$name" ]; then
            name=${name#rolled-back-release-}
            print_fact archive "$(to_one_line "${name%.tar.gz}")"
        fi
    done
}

report_scratch() {
    eval "set -- $scratch"
    for name; do
        if [ -e ".capdoit/$name" ] || [ -L ".capdoit/$name" ]; then print_fact scratch "$name"; fi
    done
}

# Report the last lines of a file ($2) as facts ($1). The last line may have no end, after a full disk. Notes are long;
# another script reads them where they are needed.
report_last_lines() {
    if [ ! -f "$2" ] || [ ! -r "$2" ]; then return 0; fi
    tail -n 1500 "$2" | sed '/^{"event": "noted"/d' | tail -n 1000 | cut -c1-16384 |
        while IFS= read -r line || [ -n "$line" ]; do print_fact "$1" "$line"; done
}

report_deploy_to() {
    print_fact deploy_to "$(to_one_line "$(pwd -P)")"
    print_fact directory_id "$(print_directory_id)"
    if reason=$(is_safe_deploy_to 2>&1); then
        if [ -n "$make_dirs" ]; then create_directories; fi
        for_each_shared_path report_shared_problem
    else
        print_fact out_of_bounds "$(to_one_line "$reason")"
    fi
    if is_on_read_only_file_system; then print_fact read_only yes; fi
    # Earlier versions of capdoit made no reserve, left the lock file empty, and removed the directory of the new symlink.
    if ! has_reserve && ! has_leftovers && { [ ! -s .capdoit/lock ] || [ ! -d .capdoit/next ]; }; then print_fact no_reserve yes; fi
    for name in . releases shared repo repo/objects repo/refs .capdoit .capdoit/lock .capdoit/journal; do
        if [ -e "$name" ] && ! is_writable "$name"; then print_fact not_writable "$name"; fi
    done
    for name in .capdoit/journal revisions.log releases; do
        if [ -e "$name" ] && ! can_read "$name"; then print_fact not_readable "$name"; fi
    done
    print_fact disk "$(print_space -Pk .)"
    print_fact inodes "$(print_space -Pi .)"
    report_current
    report_missing_linked_files
    if cd releases 2>/dev/null; then
        report_releases
        cd ..
    fi
    for name in .capdoit/failed/[0-9]*; do
        if [ -d "$name" ]; then print_fact set_aside "$(to_one_line "${name##*/}")"; fi
    done
    report_archives
    report_lock
    report_scratch
    if [ -f .capdoit/drilled ]; then
        print_fact drilled "$(to_one_line "$(dd if=.capdoit/drilled bs=4096 count=1 2>/dev/null)")"
    fi
    report_last_lines journal .capdoit/journal
    report_last_lines log revisions.log
}

# Check whether a program, a path or a unit ($1) exists, or will once a release is live. What systemd does not tell counts
# as existing.
is_at_hand() {
    case $1 in
        sudo:*) ;; # see report_missing_right
        unit:*) ! is_unknown_unit "${1#*:}" ;;
        user-unit:*) ! is_unknown_unit "${1#*:}" --user ;;
        /*) [ -e "$1" ] || is_hidden "$1" || comes_with_release "${1##*/}" "${1%/*}" ;;
        *) is_installed "$1" || (IFS=: && comes_with_release "$1" "$PATH") ;;
    esac
}

# Check that a name ($1) is a symlink into deploy_to in one of the directories ($2, split at IFS). Before the first deploy,
# such a symlink is broken.
comes_with_release() {
    for directory in $2; do
        case $(readlink "$directory/$1") in
            "$deploy_to"/*) return 0 ;;
        esac
    done
    return 1
}

# Check that a directory on the way to a path is closed to the user. Another user may use what is there, through sudo.
is_hidden() {
    case $(stat -L "$1" 2>&1) in
        *'Permission denied'*) ;;
        *) return 1 ;;
    esac
}

# Arguments: a unit; --user, or nothing.
is_unknown_unit() {
    unit=$1
    shift
    [ "$(systemctl "$@" show --property=LoadState --value -- "$unit" 2>/dev/null)" = not-found ] || return 1
    directories=$(systemctl "$@" show --property=UnitPath --value)
    case $unit in
        *@*) unit=${unit%%@*}@.${unit##*.} ;;
    esac
    ! comes_with_release "$unit" "$directories"
}

# Report that the user may not run a command through sudo without a password: the number of the command ($1), whether
# that is certain, and the full path of the program. Where sudo wants a password to answer, it may want none for the
# command (listpw). About other answers nothing is said. Argument 2: the words of the command, with spaces between them.
report_missing_right() {
    [ "$(id -u)" != 0 ] || return 0
    number=$1
    set -f
    # shellcheck disable=SC2086
    set -- $2
    said=$(sudo -n -l -- "$@" 2>&1 </dev/null) && return
    case $?$said in
        1) answer=certain ;;
        1*' is required') answer=doubtful ;;
        *) return 0 ;;
    esac
    print_fact no_right "$number $answer $(command -v "$1")"
}

# Report the programs of hooks that are missing, each by its number. A word NUMBER=PLACE is a place of a program; one of
# them is enough. Hooks have no other PATH than that of default_env. Where it has relative directories, or some below
# deploy_to, programs may come with the release, and nothing is known. What hooks run through sudo has root's PATH.
report_missing_hook_tools() {
    PATH=${hook_path:-$PATH}
    case :$PATH: in
        *:[!/]* | *:"$deploy_to"/*) return ;;
    esac
    PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
    eval "set -- $hook_tools"
    at_hand=" "
    for word; do
        if is_at_hand "${word#*=}"; then at_hand="$at_hand${word%%=*} "; fi
        case ${word#*=} in
            sudo:*) (report_missing_right "${word%%=*}" "${word#*=sudo:}") ;;
        esac
    done
    for word; do
        case $at_hand in
            *" ${word%%=*} "*) ;;
            *) print_fact no_hook_tool "${word%%=*}" ;;
        esac
    done
}

# Without these the facts would be wrong, not only incomplete.
require_tools cut dd find readlink sed tail tr
print_fact user "$(print_user)"
eval "set -- $tools"
report_missing_tools "$@"
(report_missing_hook_tools)
require_entry
if [ -n "$make_dirs" ]; then mkdir -p "$deploy_to" || print_fact not_made "$deploy_to"; fi
if cd "$deploy_to" 2>/dev/null; then report_deploy_to; fi
print_fact end yes
