# shellcheck shell=sh
# Install the packages of a release with Composer, or check them before a rollback.
# Arguments: the action (install or restore); the release; the directory of composer.json in the release; then the
# command that installs the packages.
set -eu
unset CDPATH
action=$1 release=$2 directory=$3
shift 3
separated='' saved_mtime=''

die() {
    printf '%s\n' "$*" >&2
    exit 1
}

# If the installation fails, vendor is the symlink again that it was. Capistrano orders releases by the mtime of their
# directories and may take over at any time, so the mtime is restored.
clean_up() {
    status=$?
    if [ -n "$separated" ]; then
        if [ "$status" = 0 ]; then
            rm "$separated"
        else
            rm -rf vendor
            mv "$separated" vendor
        fi
    fi
    touch -r "$saved_mtime" "$release"
    rm -f "$saved_mtime"
}

# Print what would be installed. Arguments: the command that installs the packages.
print_dry_run() {
    for word; do
        shift
        case $word in
            -q | --quiet) ;; # the check reads the output
            *) set -- "$@" "$word" ;;
        esac
    done
    "$@" --dry-run 2>&1
}

# Move the symlink vendor away, so that Composer makes a vendor that the live release does not use.
separate_vendor() {
    rm -f .capdoit-vendor
    mv vendor .capdoit-vendor
    separated=.capdoit-vendor
}

install_packages() {
    if [ ! -f composer.lock ]; then
        die "${prefix}composer.lock is not in the release; commit it, so that all hosts install equal packages"
    elif [ -h vendor ]; then
        die "${prefix}vendor is a linked directory, and the live release uses it too; remove it from linked_dirs"
    fi
    "$@"
}

restore_packages() {
    if [ -f vendor/autoload.php ] && ! command -v "$1" >/dev/null; then
        echo "$1 is not on the PATH: the packages of the release are not checked"
    elif [ ! -f vendor/autoload.php ]; then
        reinstall_packages "$@"
    elif ! answer=$(print_dry_run "$@"); then
        printf '%s\n' "$answer" "the packages of the release are not checked, because $1 refuses to"
    elif ! printf '%s\n' "$answer" | grep -q '^Nothing to install'; then
        reinstall_packages "$@"
    fi
}

reinstall_packages() {
    echo "the packages of composer.lock are incomplete; installing them again"
    if [ -h vendor ]; then separate_vendor; fi
    "$@"
}

prefix=
[ "$directory" = . ] || prefix=$directory/
if ! cd "$release/$directory" 2>/dev/null || [ ! -f composer.json ]; then
    [ "$action" = restore ] || die "${prefix}composer.json is not in the release; set the option directory"
    echo "the release has no ${prefix}composer.json: it was deployed without this recipe and is left unchanged"
    exit 0
fi
saved_mtime=$(mktemp)
touch -r "$release" "$saved_mtime"
trap clean_up EXIT
trap 'exit 1' HUP INT TERM
case $action in
    install) install_packages "$@" ;;
    restore) restore_packages "$@" ;;
esac
