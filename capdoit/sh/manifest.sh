# shellcheck shell=sh
# What a release consists of, in lines that can be compared, with tabs between:
#   PATH stat MODE SIZE  the mode with the kind in it, in hexadecimal digits; the size of a file alone
#   PATH link TARGET     where a link leads; what lies below deploy_to begins with <deploy_to>
# and for the contents of a file the line that sha256sum itself writes.
# A path or target with a backslash or a control character in it is written as a backslash and
# hexadecimal digits, so that no name can pass for something else. What a running program writes by
# custom is left out. One process looks at many files; only odd names, and links where find is not GNU's,
# cost some processes each.
# shellcheck disable=SC2154,SC2016
since= # a file, as a release sees it: only what changed after that one is listed, where find can tell (GNU's)
tab=$(printf '\t')
end="~${tab}end${tab}yes" # sorts last, and shows a manifest that was cut short

one_by_one='
plain() {
    case $1 in
        *[[:cntrl:]]* | *\\*) printf "\\\\%s" "$(printf "%s" "$1" | od -An -v -tx1 | tr -d " \n")" ;;
        *) printf "%s" "$1" ;;
    esac
}
tab=$(printf "\t")
for path; do
    name=$(plain "$path")
    if [ -L "$path" ]; then
        target=$(readlink -n "$path" && echo .)
        printf "%s\n" "$name${tab}link$tab$(plain "${target%.}")"
    elif [ -f "$path" ]; then
        printf "%s\n" "$name${tab}stat$tab$(stat -c "%f %s" "$path")"
        if [ "$0" = full ] && sum=$(sha256sum <"$path"); then printf "%s\n" "${sum%% *}  $name"; fi
    else
        printf "%s\n" "$name${tab}stat$tab$(stat -c %f "$path")"
    fi
done
'

walk() {
    if [ -n "$since" ] && find . -prune -cnewer "$since" >/dev/null 2>&1; then
        set -- ! -cnewer "$since" -o "$@"
    fi
    find . -type d \( -name __pycache__ -o -name .cache -o -path ./tmp -o -path ./log \
        -o -path ./var/cache -o -path ./var/log -o -path ./.next/cache \) -prune -o "$@"
}

links() {
    set -- -type l -exec sh -c "$one_by_one" "$verify" {} +
    if find . -prune ! -lname x -printf '' 2>/dev/null; then
        set -- -type l ! -lname '*[[:cntrl:]]*' ! -lname '*\\*' -printf "%p${tab}link$tab%l\n" -o "$@"
    fi
    here=$(printf '%s' "$deploy_to" | sed 's/[][\.*^$|]/\\&/g')
    walk \( -path '*[[:cntrl:]]*' -o -path '*\\*' \) -o "$@" | sed "s|${tab}link$tab$here/|${tab}link$tab<deploy_to>/|"
}

all_others() {
    set --
    # Whose failure would make busybox's find keep back what others have to say.
    if [ "$verify" = full ]; then set -- -exec sh -c 'sha256sum "$@" || :' sh {} +; fi
    walk \( -path '*[[:cntrl:]]*' -o -path '*\\*' \) -exec sh -c "$one_by_one" "$verify" {} + \
        -o -type f -exec stat -c "%n${tab}stat$tab%f %s" {} + "$@" \
        -o ! -type l -exec stat -c "%n${tab}stat$tab%f" {} +
}

# The lines of a directory. What its user may not read is no reason to stop: find says 1, and more when it is killed.
listing() (
    LC_ALL=C
    export LC_ALL
    cd "$1" || exit
    links
    all_others || [ $? -eq 1 ]
    printf '%s\n' "$end"
)

# The lines of a release's manifest, as far as they are to be looked at.
shipped() {
    if [ "$verify" = full ]; then
        cat ".capdoit/manifests/$release"
    else
        sed '/^[0-9a-f]/d' ".capdoit/manifests/$release"
    fi
}

has_manifest() {
    [ -f ".capdoit/manifests/$release" ] && [ -s ".capdoit/manifests/$release" ]
}
