# shellcheck shell=sh
# Install the gems of a release into a directory that all releases share, or check them before a rollback.
# Arguments: the action (install or restore); the release; "yes" if another release is live, else nothing; the directory
# of the gems; the groups to leave out, with colons between them; the number of parallel jobs; the Gemfile, or nothing
# for the default; then further arguments of `bundle install`.
set -eu
unset CDPATH
action=$1 release=$2 has_live_release=$3 gems_dir=$4 without=$5 jobs=$6 gemfile_option=$7
shift 7
new_config_dir='' saved_mtime=''

die() {
    printf '%s\n' "$*" >&2
    exit 1
}

# Capistrano orders releases by the mtime of their directories and may take over at any time, so the mtime is restored.
clean_up() {
    [ -z "$new_config_dir" ] || rm -rf "$new_config_dir"
    if [ -n "$saved_mtime" ]; then
        touch -r "$saved_mtime" "$release"
        rm -f "$saved_mtime"
    fi
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM
saved_mtime=$(mktemp)
touch -r "$release" "$saved_mtime"

gemfile=$gemfile_option
if [ -z "$gemfile" ]; then
    gemfile=Gemfile
    [ -f Gemfile ] || [ ! -f gems.rb ] || gemfile=gems.rb
fi
case $gemfile in
    gems.rb | */gems.rb) lock=${gemfile%.rb}.locked ;;
    *) lock=$gemfile.lock ;;
esac
BUNDLE_GEMFILE=$release/$gemfile
export BUNDLE_GEMFILE

# Write settings to Bundler's configuration of a directory.
# Arguments: the directory, then pairs of NAME VALUE.
write_settings() {
    config_dir=${BUNDLE_APP_CONFIG:-$1/.bundle}
    shift
    new_config_dir=$(mktemp -d)
    if [ -f "$config_dir/config" ]; then cp "$config_dir/config" "$new_config_dir/config"; fi
    while [ $# -gt 0 ]; do
        BUNDLE_APP_CONFIG=$new_config_dir bundle config set --local "$1" "$2"
        shift 2
    done
    if ! cmp -s "$new_config_dir/config" "$config_dir/config"; then
        refuse_to_change_shared_settings
        mkdir -p "$config_dir"
        cp "$new_config_dir/config" "$config_dir/config.part"
        mv -f "$config_dir/config.part" "$config_dir/config"
    fi
    rm -rf "$new_config_dir"
    new_config_dir=
}

# The live release reads settings that releases share, so a deploy must not change them.
refuse_to_change_shared_settings() {
    if [ -f "$config_dir/config" ] && [ -n "$has_live_release" ] &&
        { [ -h "$config_dir" ] || [ -n "${BUNDLE_APP_CONFIG:-}" ]; }; then
        die "$config_dir/config would change, and the live release reads it too:" \
            "remove .bundle from linked_dirs, and BUNDLE_APP_CONFIG from default_env"
    fi
}

configure_bundler() {
    set -- deployment true path "$gems_dir"
    [ -z "$without" ] || set -- "$@" without "$without"
    gemfile_dir=.
    case $gemfile in */*) gemfile_dir=${gemfile%/*} ;; esac
    [ -z "$gemfile_option" ] || write_settings . gemfile "$gemfile_option"
    write_settings "$gemfile_dir" "$@"
}

# A gem whose installation was interrupted may look complete to `bundle check`. The stamp records that an installation
# for this Gemfile, lock file and list of groups was completed; it is absent while an installation runs.
set_stamp_path() {
    sum=$({ cat "$gemfile" "$lock"; printf '%s\n' "$without"; } | sha256sum)
    stamp=$gems_dir/.capdoit/${sum%% *}
}

install_gems() {
    rm -f "$stamp"
    bundle install --jobs "$jobs" "$@"
    mkdir -p "$gems_dir/.capdoit"
    : >"$stamp"
}

if [ "$action" = restore ] && [ ! -f "$gemfile" ]; then
    echo "the release has no $gemfile: it was deployed without this recipe and is left unchanged"
    exit 0
fi
[ -f "$gemfile" ] || die "$gemfile is not in the release; set the option gemfile to another path"
[ -f "$lock" ] || die "$lock is not in the release; commit it, so that all hosts install equal gems"
set_stamp_path
if [ "$action" = install ]; then
    configure_bundler
    if [ -f "$stamp" ] && bundle check >/dev/null 2>&1; then
        echo "the gems of $lock are installed"
        exit 0
    fi
elif bundle check >/dev/null 2>&1; then
    exit 0
else
    echo "some gems of $lock are missing; installing them again"
fi
install_gems "$@"
