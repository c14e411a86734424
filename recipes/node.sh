# shellcheck shell=sh
# Gives the package of a release the modules that its lock file asks for, and runs its scripts.
# Arguments: what to do (look, install, build, prune), the release, the package's directory in it, and what is said
# above the function that is called so.
set -eu
unset CDPATH
what=$1 release=$2 directory=$3
shift 3

say() {
    printf '%s\n' "$*"
}

die() {
    say "$*" >&2
    exit 1
}

# The files that say which package this is: their names, with the lines of every package.json below its own.
look() {
    for file in package-lock.json npm-shrinkwrap.json pnpm-lock.yaml yarn.lock .yarnrc.yml; do
        [ ! -f "$file" ] || echo "./$file"
    done
    # shellcheck disable=SC2016 # they are awk's
    of_the_code -name package.json -exec awk 'FNR == 1 { print FILENAME } { print "\t" $0 }' {} +
}

# Files of the code, whatever else was installed.
of_the_code() {
    find . -type d \( -name node_modules -o -name '.?*' \) -prune -o -type f "$@"
}

# Where modules are: workspaces may have some of their own.
folders() {
    find . -name node_modules -prune "$@" -print -o -type d -name '.?*' -prune
}

# -- what is installed

# All that two releases have in common whose modules can stand for each other. Arguments: what installs.
fingerprint() {
    {
        printf '%s\n' "$directory" "$@"
        node --version
        without_questions "$1" --version
        uname -m
        of_the_code \( -name package.json -o -name package-lock.json -o -name npm-shrinkwrap.json \
            -o -name 'pnpm-*.yaml' -o -name '.pnpmfile.*' -o -name yarn.lock -o -name .npmrc -o -name .yarnrc \) \
            -exec sha256sum {} + | LC_ALL=C sort
    } | sha256sum
}

# One line for all modules of a package, in its directory; their folders are on stdin. What begins with a dot is not in
# it: that is what tools note, and only .pnpm holds packages.
listing() (
    cd "$1" || exit
    while IFS= read -r folder; do
        TZ=UTC find "$folder"/* "$folder/.pnpm" -type f -exec stat -c '%n %s %y' {} + 2>/dev/null || true
    done | LC_ALL=C sort | sha256sum
)

# Whether packages made something of the project's own code when they were installed, as .prisma is.
has_generated() {
    for path in node_modules/.[!.]*; do
        case ${path##*/} in
            .bin | .pnpm* | .cache | .vite* | .capdoit | .package-lock.json | .modules.yaml | .yarn*) ;;
            *) if [ -e "$path" ]; then return 0; fi ;;
        esac
    done
    return 1
}

# What is noted of modules that were installed to the end, in lines: their fingerprint, their listing, the release that
# they were linked from, their folders.
note() {
    [ -d node_modules ] || return 0 # a package that needs none, or a yarn that has them elsewhere
    all=$(folders -type d)
    stands_for=$print
    if [ -z "$1" ] && has_generated; then stands_for="the code of this release alone"; fi
    say "$stands_for
$(say "$all" | listing .)
$1
$all" >node_modules/.capdoit
}

noted() {
    sed -n "$2p" "$1/node_modules/.capdoit" 2>/dev/null || true
}

# Whether the modules in a package's directory are those of the fingerprint, and nobody changed them since.
can_stand_for() {
    [ "$(noted "$1" 1)" = "$print" ] && is_as_it_was "$1"
}

is_as_it_was() {
    [ "$(noted "$1" 2)" = "$(noted "$1" '4,$' | listing "$1")" ]
}

# The newest release with modules that can stand for these.
twin() {
    set --
    for other in ../*/; do
        other=${other#../}
        set -- "${other%/}" "$@"
    done
    for other; do
        if can_stand_for "../$other/$directory"; then
            echo "$other"
            return
        fi
    done
}

# -- installing

# Arguments: the lock file; whether modules can be another release's, or nothing; what installs.
install() {
    lock=$1 shares=$2
    shift 2
    can_install "$@"
    print=$(fingerprint "$@")
    other=
    if [ -n "$shares" ] && can_stand_for .; then
        say "$directory/node_modules: nothing changed"
        return
    fi
    if [ -n "$shares" ]; then other=$(cd "$release" && twin); fi
    if [ -n "$other" ]; then
        say "$directory/node_modules: nothing changed since release $other, linked from there"
        take_over
    else
        say "$directory/node_modules: installing $lock: $*"
        without_questions "$@"
    fi
    note "$other"
}

# Nobody would answer them, or read news of npm.
without_questions() {
    CI=true COREPACK_ENABLE_DOWNLOAD_PROMPT=0 npm_config_update_notifier=false "$@"
}

can_install() {
    for program in node "$1"; do
        command -v "$program" >/dev/null ||
            die "$program is not on the host's PATH; default_env of deploy.yml can say another: {PATH: ...}"
    done
    linked=$(folders -type l)
    # The live release has it, too, and what installs begins with an empty one.
    [ -z "$linked" ] || die "$linked is a link; take it out of linked_dirs, or out of the code"
}

# Have the modules of the other release: a link to each file of a package, and a copy of what tools note.
take_over() {
    from=$release/../$other/$directory
    noted "$from" '4,$' | while IFS= read -r folder; do
        rm -rf "$folder"
        mkdir -p "${folder%/*}"
        link_or_copy "$from/$folder" "$folder"
        have_own_notes "$from/$folder" "$folder"
        name_this_release "$folder"
    done
}

# Hard links cannot be made to another user's files, nor to one that has as many as it can have.
link_or_copy() {
    cp -al "$1" "$2" 2>/dev/null || {
        rm -rf "$2"
        cp -a "$1" "$2"
    }
}

# What tools note is written in place. What they keep to be faster is as the other release's code was.
have_own_notes() {
    for path in "$1"/.[!.]*; do
        name=${path##*/}
        [ -e "$path" ] || continue
        case $name in
            .bin | .pnpm) ;;
            .cache | .vite | .vite-temp | .capdoit) rm -rf "${2:?}/$name" ;;
            *)
                rm -rf "${2:?}/$name"
                cp -a "$path" "$2/$name"
                ;;
        esac
    done
}

# pnpm's launchers and notes say where they are; a file of its own takes the place of the link.
name_this_release() {
    find "$1" -type f \( -path '*/.bin/*' -o -path "$1/.[!.]*" ! -path "$1/.pnpm/*" \) \
        -exec grep -lF "releases/$other" {} + | while IFS= read -r file; do
        cp -p "$file" "$file.part"
        LC_ALL=C sed "s,releases/$other,releases/${release##*/},g" <"$file" >"$file.part"
        mv -f "$file.part" "$file"
    done
}

# -- building

# Arguments: the package manager; the scripts of package.json.
build() {
    from=$(shares_with)
    ended=0
    run_scripts "$@" || ended=$?
    [ -z "$from" ] || is_as_it_was "$from" ||
        die "the build wrote into packages, and release $(noted . 3) has the same files: its modules have changed," \
            "too; the next deploy installs all of them anew, and links nothing"
    return "$ended"
}

# The package of the release that its modules were linked from, as long as that one has them.
shares_with() {
    other=$(noted . 3)
    if [ -n "$other" ] && is_as_it_was "$release/../$other/$directory"; then
        say "$release/../$other/$directory"
    fi
}

run_scripts() {
    manager=$1
    shift
    NODE_ENV=${NODE_ENV:-production}
    export NODE_ENV
    for script; do
        "$manager" run "$script" || return
    done
}

# Arguments: what takes devDependencies away.
prune() {
    without_questions "$@"
}

cd "$release/$directory" 2>/dev/null || die "$directory is not in the release; the option directory says another"
case $(pwd -P)/ in
    "$(cd -P "$release" && pwd)"/*) ;;
    *) die "$directory leads out of the release; take it out of linked_dirs: the live release has it, too" ;;
esac
"$what" "$@"
