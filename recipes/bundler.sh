# shellcheck shell=sh
# Sees to it that the gems of a release are installed, in a directory that releases share.
# Arguments: what to do; the release; whether another one is live; the directory of gems; without; jobs; the Gemfile, or
# nothing; then more for `bundle install`.
set -eu
unset CDPATH
what=$1 release=$2 live=$3 path=$4 without=$5 jobs=$6 said=$7
shift 7
new='' age=''

die() {
    printf '%s\n' "$*" >&2
    exit 1
}

# The release as old as it was: Capistrano goes by the age of the directories, and may take over at any time.
tidy() {
    [ -z "$new" ] || rm -rf "$new"
    if [ -n "$age" ]; then
        touch -r "$age" "$release"
        rm -f "$age"
    fi
}
trap tidy EXIT
trap 'exit 1' HUP INT TERM
age=$(mktemp)
touch -r "$release" "$age"

gemfile=$said
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

# Say settings, in words NAME VALUE, to what Bundler reads in a directory. A directory that releases share belongs to the
# live one, too: there only what is so already can be said.
settle() {
    where=${BUNDLE_APP_CONFIG:-$1/.bundle}
    shift
    new=$(mktemp -d)
    if [ -f "$where/config" ]; then cp "$where/config" "$new/config"; fi
    while [ $# -gt 0 ]; do
        BUNDLE_APP_CONFIG=$new bundle config set --local "$1" "$2"
        shift 2
    done
    if ! cmp -s "$new/config" "$where/config"; then
        if [ -f "$where/config" ] && [ -n "$live" ] && { [ -h "$where" ] || [ -n "${BUNDLE_APP_CONFIG:-}" ]; }; then
            die "$where/config would change, and the live release reads it, too:" \
                "take .bundle out of linked_dirs, and BUNDLE_APP_CONFIG out of default_env"
        fi
        mkdir -p "$where"
        cp "$new/config" "$where/config.part"
        mv -f "$where/config.part" "$where/config"
    fi
    rm -rf "$new"
    new=
}

configure() {
    set -- deployment true path "$path"
    [ -z "$without" ] || set -- "$@" without "$without"
    place=.
    case $gemfile in */*) place=${gemfile%/*} ;; esac
    [ -z "$said" ] || settle . gemfile "$gemfile"
    settle "$place" "$@"
}

# A gem that was cut short while it was installed may look whole to `bundle check`. So what was installed to its end is
# noted, by what was asked for; while it is installed, there is no such note.
note() {
    sum=$({ cat "$gemfile" "$lock"; printf '%s\n' "$without"; } | sha256sum)
    stamp=$path/.capdoit/${sum%% *}
}

install() {
    rm -f "$stamp"
    bundle install --jobs "$jobs" "$@"
    mkdir -p "$path/.capdoit"
    : >"$stamp"
}

if [ "$what" = restore ] && [ ! -f "$gemfile" ]; then
    echo "the release has no $gemfile: it is from before this recipe, and is left as it is"
    exit 0
fi
[ -f "$gemfile" ] || die "$gemfile is not in the release; the option gemfile says another"
[ -f "$lock" ] || die "$lock is not in the release; commit it, so that all hosts get the same gems"
note
if [ "$what" = install ]; then
    configure
    if [ -f "$stamp" ] && bundle check >/dev/null 2>&1; then
        echo "the gems of $lock are installed"
        exit 0
    fi
elif bundle check >/dev/null 2>&1; then
    exit 0
else
    echo "the gems of $lock are not all there; installing them again"
fi
install "$@"
