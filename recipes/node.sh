# shellcheck shell=sh
# Install the modules of a package in a release, and run its scripts.
# Arguments: the action (inspect, install, build or prune); the release; the package's directory in the release; then
# the arguments of the action, see the comment above its function.
set -eu
unset CDPATH
action=$1 release=$2 directory=$3
shift 3

print_line() {
    printf '%s\n' "$*"
}

die() {
    print_line "$*" >&2
    exit 1
}

# Print the names of the files that identify the package manager and, for each package.json, its name and its indented
# lines.
inspect() {
    for file in package-lock.json npm-shrinkwrap.json pnpm-lock.yaml yarn.lock .yarnrc.yml; do
        [ ! -f "$file" ] || echo "./$file"
    done
    # shellcheck disable=SC2016 # the variables are awk's
    find_code_files -name package.json -exec awk 'FNR == 1 { print FILENAME } { print "\t" $0 }' {} +
}

# Find files of the code, without installed files.
find_code_files() {
    find . -type d \( -name node_modules -o -name '.?*' \) -prune -o -type f "$@"
}

# Find the node_modules of the package and of its workspaces.
find_module_dirs() {
    find . -name node_modules -prune "$@" -print -o -type d -name '.?*' -prune
}

# -- the record of installed modules

# Print a hash that is equal for two releases whose modules are interchangeable. Arguments: the command that installs.
compute_fingerprint() {
    {
        printf '%s\n' "$directory" "$@"
        node --version
        run_unattended "$1" --version
        uname -m
        find_code_files \( -name package.json -o -name package-lock.json -o -name npm-shrinkwrap.json \
            -o -name 'pnpm-*.yaml' -o -name '.pnpmfile.*' -o -name yarn.lock -o -name .npmrc -o -name .yarnrc \) \
            -exec sha256sum {} + | LC_ALL=C sort
    } | sha256sum
}

# Print a hash of names, sizes and mtimes of all modules of a package. The module directories are on stdin. Names that
# start with a dot are left out, because they are records of tools; only .pnpm holds packages.
# Arguments: the package's directory.
hash_modules() (
    cd "$1" || exit
    while IFS= read -r dir; do
        TZ=UTC find "$dir"/* "$dir/.pnpm" -type f -exec stat -c '%n %s %y' {} + 2>/dev/null || true
    done | LC_ALL=C sort | sha256sum
)

# Check whether packages generated files from the project's code when they were installed, as Prisma does in .prisma.
has_generated_files() {
    for path in node_modules/.[!.]*; do
        case ${path##*/} in
            .bin | .pnpm* | .cache | .vite* | .capdoit | .package-lock.json | .modules.yaml | .yarn*) ;;
            *) if [ -e "$path" ]; then return 0; fi ;;
        esac
    done
    return 1
}

# Record that the modules are complete. The lines are: their fingerprint, the hash of the modules, the release that they
# were linked from, the module directories.
# Arguments: the release that they were linked from, or nothing.
write_record() {
    [ -d node_modules ] || return 0 # the package needs no modules, or yarn keeps them elsewhere
    module_dirs=$(find_module_dirs -type d)
    recorded_fingerprint=$fingerprint
    if [ -z "$1" ] && has_generated_files; then recorded_fingerprint="the code of this release alone"; fi
    print_line "$recorded_fingerprint
$(print_line "$module_dirs" | hash_modules .)
$1
$module_dirs" >node_modules/.capdoit
}

# Arguments: the package's directory; the number of the line, or the range of lines.
read_record() {
    sed -n "$2p" "$1/node_modules/.capdoit" 2>/dev/null || true
}

# Check that the modules in a package's directory have the fingerprint and were not changed.
is_reusable() {
    [ "$(read_record "$1" 1)" = "$fingerprint" ] && is_unchanged "$1"
}

is_unchanged() {
    [ "$(read_record "$1" 2)" = "$(read_record "$1" '4,$' | hash_modules "$1")" ]
}

# Print the newest release with reusable modules.
find_reusable_release() {
    set --
    for other in ../*/; do
        other=${other#../}
        set -- "${other%/}" "$@"
    done
    for other; do
        if is_reusable "../$other/$directory"; then
            echo "$other"
            return
        fi
    done
}

# -- installing

# Arguments: the lock file; "yes" if modules of another release may be used, else nothing; the command that installs.
install_modules() {
    lock=$1 can_share=$2
    shift 2
    check_requirements "$@"
    fingerprint=$(compute_fingerprint "$@")
    other=
    if [ -n "$can_share" ] && is_reusable .; then
        print_line "$directory/node_modules: nothing changed"
        return
    fi
    if [ -n "$can_share" ]; then other=$(cd "$release" && find_reusable_release); fi
    if [ -n "$other" ]; then
        print_line "$directory/node_modules: nothing changed since release $other, linked from there"
        link_modules
    else
        print_line "$directory/node_modules: installing $lock: $*"
        run_unattended "$@"
    fi
    write_record "$other"
}

# Run a command without questions, which nobody would answer, and without npm's notices.
run_unattended() {
    CI=true COREPACK_ENABLE_DOWNLOAD_PROMPT=0 npm_config_update_notifier=false "$@"
}

check_requirements() {
    for program in node "$1"; do
        command -v "$program" >/dev/null ||
            die "$program is not on the PATH; set another one in deploy.yml: default_env: {PATH: ...}"
    done
    symlinks=$(find_module_dirs -type l)
    # The live release uses a linked directory too, and an installation starts by emptying it.
    [ -z "$symlinks" ] || die "$symlinks is a symlink; remove it from linked_dirs or from the code"
}

# Use the modules of another release: hard links to the files of packages, copies of the records of tools.
link_modules() {
    from=$release/../$other/$directory
    read_record "$from" '4,$' | while IFS= read -r dir; do
        rm -rf "$dir"
        mkdir -p "${dir%/*}"
        link_or_copy "$from/$dir" "$dir"
        copy_tool_records "$from/$dir" "$dir"
        rewrite_release_name "$dir"
    done
}

# Hard links are not possible for files of another user, or for files with the maximum number of links.
link_or_copy() {
    cp -al "$1" "$2" 2>/dev/null || {
        rm -rf "$2"
        cp -a "$1" "$2"
    }
}

# Tools change their records in place, so they must not be hard links. A cache would not match the code of this release.
copy_tool_records() {
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

# Rewrite launchers and records of pnpm that contain the release's name; each file becomes a copy instead of a link.
rewrite_release_name() {
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
    linked_package=$(find_linked_package)
    exit_status=0
    run_scripts "$@" || exit_status=$?
    [ -z "$linked_package" ] || is_unchanged "$linked_package" ||
        die "the build wrote into packages that release $(read_record . 3) shares, so the modules of that release" \
            "have changed too; the next deploy installs all modules again and links none"
    return "$exit_status"
}

# Print the package of the release that the modules were linked from, if the modules there are unchanged.
find_linked_package() {
    other=$(read_record . 3)
    if [ -n "$other" ] && is_unchanged "$release/../$other/$directory"; then
        print_line "$release/../$other/$directory"
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

cd "$release/$directory" 2>/dev/null || die "$directory is not in the release; set the option directory to another path"
case $(pwd -P)/ in
    "$(cd -P "$release" && pwd)"/*) ;;
    *) die "$directory is outside the release; remove it from linked_dirs, because the live release uses it too" ;;
esac
case $action in
    inspect) inspect ;;
    install) install_modules "$@" ;;
    build) build "$@" ;;
    prune) run_unattended "$@" ;; # the command that removes devDependencies
esac
