# shellcheck shell=sh
# Listing of a release: what its manifest records, in lines that can be compared, with tabs between the fields:
#   PATH stat MODE SIZE  the mode, with the file type, in hexadecimal digits; the size of regular files only
#   PATH link TARGET     the target of a symlink; a target below deploy_to begins with <deploy_to>
# and for the contents of a file the line that sha256sum writes.
# A path or target with a backslash or a control character is written as a backslash and hexadecimal digits, so that
# no name can be mistaken for another line. Directories that running programs write are left out. One process looks at
# many files; only unusual names, and symlinks where find is not GNU find, cost several processes each.
# Needs: print_checksum_script
# Given: deploy_to
# shellcheck disable=SC2016

# Print the lines of a directory.
#   $1  the directory
#   $2  "full" for checksums, too; else "quick"
#   $3  a file, as a path from the directory, or nothing: list only what changed after that file, where find can
#       select by time of change (GNU find)
# Files that the user cannot read are no reason to stop: find ends with status 1 for them, and with more when killed.
list_release() {
    (cd "$1" && list_this_directory "$2" "$3")
}

# Print the paths below the working directory that the user cannot read, directories that it cannot enter included:
#   unreadable PATH OWNER HEX   OWNER is "user" or "other"; HEX is the path in hexadecimal digits
# Only few files need a test: those that not everybody can read.
list_unreadable() {
    since=
    set_path_functions
    find_in_release \( -type d -o -type f ! -perm -004 \) -exec sh -c "$path_functions"'
        for path; do
            if [ -r "$path" ] && { [ ! -d "$path" ] || [ -x "$path" ]; }; then continue; fi
            owner=other
            if [ -O "$path" ]; then owner=user; fi
            printf "unreadable\t%s\t%s\t%s\n" "$(escape "$path")" "$owner" "$(to_hexadecimal "$path")"
        done
    ' sh {} + 2>/dev/null || [ $? -eq 1 ]
}

# Set the functions of the scripts that find starts.
set_path_functions() {
    path_functions='
        to_hexadecimal() { printf "%s" "$1" | od -An -v -tx1 | tr -d " \n"; }
        escape() {
            case $1 in
                *[[:cntrl:]]* | *\\*) printf "\\\\%s" "$(to_hexadecimal "$1")" ;;
                *) printf "%s" "$1" ;;
            esac
        }
    '
}

list_this_directory() {
    LC_ALL=C
    export LC_ALL
    level=$1
    since=$2
    tab=$(printf '\t')
    # Prints the lines of the paths that are its arguments, one by one.
    set_path_functions
    list_one_by_one=$path_functions'
        tab=$(printf "\t")
        for path; do
            name=$(escape "$path")
            if [ -L "$path" ]; then
                target=$(readlink -n "$path" && echo .)
                printf "%s\n" "$name${tab}link$tab$(escape "${target%.}")"
            elif [ -f "$path" ]; then
                printf "%s\n" "$name${tab}stat$tab$(stat -c "%f %s" "$path")"
                if [ "$0" = full ] && sum=$(sha256sum <"$path"); then printf "%s\n" "${sum%% *}  $name"; fi
            else
                printf "%s\n" "$name${tab}stat$tab$(stat -c %f "$path")"
            fi
        done
    '
    list_symlinks
    list_others || [ $? -eq 1 ]
    print_listing_end
}

# Print the last line of a listing. It sorts last, so that a listing without it is known to be incomplete.
print_listing_end() {
    printf '~\tend\tyes\n'
}

list_symlinks() {
    set -- -type l -exec sh -c "$list_one_by_one" "$level" {} +
    if find . -prune ! -lname x -printf '' 2>/dev/null; then
        set -- -type l ! -lname '*[[:cntrl:]]*' ! -lname '*\\*' -printf "%p${tab}link$tab%l\n" -o "$@"
    fi
    pattern=$(printf '%s' "$deploy_to" | sed 's/[][\.*^$|]/\\&/g')
    find_in_release \( -path '*[[:cntrl:]]*' -o -path '*\\*' \) -o "$@" |
        sed "s|${tab}link$tab$pattern/|${tab}link$tab<deploy_to>/|"
}

list_others() {
    set --
    if [ "$level" = full ]; then set -- -exec sh -c "$(print_checksum_script)" sh {} +; fi
    find_in_release \( -path '*[[:cntrl:]]*' -o -path '*\\*' \) -exec sh -c "$list_one_by_one" "$level" {} + \
        -o -type f -exec stat -c "%n${tab}stat$tab%f %s" {} + "$@" \
        -o ! -type l -exec stat -c "%n${tab}stat$tab%f" {} +
}

find_in_release() {
    if [ -n "$since" ] && find . -prune -cnewer "$since" >/dev/null 2>&1; then
        set -- ! -cnewer "$since" -o "$@"
    fi
    find . -type d \( -name __pycache__ -o -name .cache -o -path ./tmp -o -path ./log \
        -o -path ./var/cache -o -path ./var/log -o -path ./.next/cache -o -path ./bootstrap/cache \
        -o -path ./storage/framework \) -prune -o "$@"
}
