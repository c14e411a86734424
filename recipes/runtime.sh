# shellcheck shell=sh
# Select the versions of languages that a release asks for, and print the environment variables that select them, a line
# each: "open" or "secret", the name, and the value in base64. A version that is not installed is an error, with the command that installs it.
# Arguments: the directory of the version files, the name of the stage, and three for each version manager: its name, its
# directory (empty: where it usually is), and versions instead of those of the files, a line "TOOL VERSION" each.
directory=$1 stage=$2
shift 2
names='' secret_names=''

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

# Set an environment variable. Arguments: its name, its value.
put() {
    eval "$1=\$2"
    # shellcheck disable=SC2163
    export "$1"
    names="$names $1"
}

prepend() {
    put PATH "$1:$PATH"
}

# Set $root to the directory of a manager. Arguments: the manager, the directory of the option, places to look.
find_root() {
    manager=$1 root=$2
    [ -z "$root" ] || set -- "$manager" "" "$root"
    shift 2
    for root; do
        if [ -n "$root" ] && [ -d "$root" ]; then
            return
        fi
    done
    fail "$manager is not installed here: there is no $(printf '%s\n' "$@" | sed '/^$/d; $!s/$/,/' | tr '\n' ' ')" \
        "If it is elsewhere, set the option directories: {$manager: /path}."
}

# Set $version and its $origin. Arguments: versions of the option, names of the tool in .tool-versions, version files.
find_version() {
    option=$1 tools=$2
    shift 2
    for tool in $tools; do
        version=$(print_tool_version "$tool" "$option") origin="the option versions"
        [ -z "$version" ] || return 0
    done
    for origin; do
        version=$(print_first_word "$directory/$origin")
        [ -z "$version" ] || return 0
    done
    origin=.tool-versions
    for tool in $tools; do
        version=$(print_tool_version "$tool" "$(cat "$directory/$origin" 2>/dev/null)")
        [ -z "$version" ] || return 0
    done
    fail "the release names no version for $manager: $directory has no $(printf '%s, ' "$@")and no .tool-versions for it" \
        "Commit such a file, or set the option versions."
}

print_first_word() {
    [ ! -f "$1" ] || tr -d '\r' <"$1" | sed 's/#.*//' | awk 'NF { print $1; exit }'
}

print_tool_version() {
    printf '%s\n' "$2" | tr -d '\r' | sed 's/#.*//' | awk -v tool="$1" '$1 == tool { print $2; exit }'
}

print_names() (
    cd "$1" 2>/dev/null && printf '%s\n' *
)

# Print the newest of the names on stdin that are a version: PREFIX, and numbers. Arguments: the prefix, the version.
print_newest() {
    awk -v prefix="$1" -v start="$2." 'index($0, prefix start) == 1 { print substr($0, length(prefix) + 1) }' |
        grep -E '^[0-9.]+$' | sort -t . -k 1,1n -k 2,2n -k 3,3n | tail -n 1
}

# Refuse a version that is not installed. Arguments: the language, the command that installs the version.
refuse() {
    case $2 in
        *"'"*) fail "$1 $version ($origin) is not installed ($manager). Install it on this host with:" "  $2" ;;
    esac
    fail "$1 $version ($origin) is not installed ($manager). Install it:" "  doit cap exec '$2' $stage"
}

# Print the path of a manager's program. Argument: the program.
print_program() {
    if [ -x "$root/bin/$1" ]; then
        echo "$root/bin/$1"
    else
        echo "$1"
    fi
}

use_rbenv() {
    find_root rbenv "$1" "$RBENV_ROOT" "$HOME/.rbenv" /usr/local/rbenv /opt/rbenv
    find_version "$2" ruby .ruby-version
    [ "$version" != system ] || return 0
    found=$version
    [ -d "$root/versions/$found" ] || found=${version#ruby-}
    [ -d "$root/versions/$found" ] || refuse ruby "RBENV_ROOT=$root $(print_program rbenv) install $found"
    put RBENV_ROOT "$root"
    put RBENV_VERSION "$found"
    prepend "$root/versions/$found/bin"
}

use_pyenv() {
    find_root pyenv "$1" "$PYENV_ROOT" "$HOME/.pyenv" /usr/local/pyenv /opt/pyenv
    find_version "$2" python .python-version
    [ "$version" != system ] || return 0
    found=$version
    [ -d "$root/versions/$found" ] || found=${version#python-}
    [ -d "$root/versions/$found" ] || found=$(print_names "$root/versions" | print_newest "" "$found")
    [ -n "$found" ] || refuse python "PYENV_ROOT=$root $(print_program pyenv) install ${version#python-}"
    put PYENV_ROOT "$root"
    put PYENV_VERSION "$found"
    prepend "$root/versions/$found/bin"
}

# chruby has no directory of its own; this is the directory that ruby-install writes to.
use_chruby() {
    find_root chruby "$1" /opt/rubies "$HOME/.rubies" /usr/local/opt/rubies
    find_version "$2" ruby .ruby-version
    [ "$version" != system ] || return 0
    found=
    for each in "$root"/*; do # as chruby chooses: the directory of this name, else the last one that contains it
        case ${each##*/} in
            "$version") found=$each && break ;;
            *"$version"*) found=$each ;;
        esac
    done
    [ -n "$found" ] || refuse ruby "ruby-install --rubies-dir $root $(print_engine_and_version)"
    put RUBY_ROOT "$found"
    prepend "$found/bin"
    use_gems_of_chruby
}

# Print the arguments of ruby-install: ruby 3.3.0 for 3.3.0 and for ruby-3.3.0, jruby 9.4.5.0 for jruby-9.4.5.0.
print_engine_and_version() {
    case $version in
        [a-z]*-*) echo "${version%%-*} ${version#*-}" ;;
        *) echo "ruby $version" ;;
    esac
}

# Like chruby: gems of a user other than root are in the home directory.
use_gems_of_chruby() {
    described=$(RUBYOPT='' "$RUBY_ROOT/bin/ruby" -e 'puts RUBY_ENGINE, RUBY_VERSION, Gem.default_dir') ||
        fail "$RUBY_ROOT/bin/ruby does not work"
    put RUBY_ENGINE "$(printf '%s\n' "$described" | sed -n 1p)"
    put RUBY_VERSION "$(printf '%s\n' "$described" | sed -n 2p)"
    put GEM_ROOT "$(printf '%s\n' "$described" | sed -n 3p)"
    prepend "$GEM_ROOT/bin"
    if [ "$(id -u)" != 0 ]; then
        put GEM_HOME "$HOME/.gem/$RUBY_ENGINE/$RUBY_VERSION"
        put GEM_PATH "$GEM_HOME:$GEM_ROOT"
        prepend "$GEM_HOME/bin"
    fi
}

use_rvm() {
    find_root rvm "$1" "${rvm_path:-}" "$HOME/.rvm" /usr/local/rvm /usr/share/rvm
    find_version "$2" ruby .ruby-version
    [ "$version" != system ] || return 0
    gemset=$(print_first_word "$directory/.ruby-gemset")
    case $version in
        *@*) gemset=${version#*@} version=${version%%@*} ;;
    esac
    found=$version
    case $found in
        [0-9]*) found=ruby-$found ;;
    esac
    if [ ! -d "$root/rubies/$found" ]; then
        number=$(print_names "$root/rubies" | print_newest ruby- "${found#ruby-}")
        [ -n "$number" ] || refuse ruby "$(print_program rvm) install $found"
        found=ruby-$number
    fi
    use_environment_of_rvm "$found${gemset:+@$gemset}"
}

# Argument: name of the ruby and of its set of gems. rvm has a file with the variables of each.
use_environment_of_rvm() {
    if [ ! -f "$root/environments/$1" ]; then
        origin=.ruby-gemset version=$1
        refuse "the gemset" "$(print_program rvm) ${1%%@*} do rvm gemset create ${1#*@}"
    fi
    # shellcheck disable=SC1090
    . "$root/environments/$1"
    names="$names $(sed -n 's/^export \([A-Za-z_]*\)=.*/\1/p' "$root/environments/$1")"
}

use_nvm() {
    find_root nvm "$1" "$NVM_DIR" "$HOME/.nvm" "${XDG_CONFIG_HOME:-$HOME/.config}/nvm" /usr/local/nvm /opt/nvm
    find_version "$2" "nodejs node" .nvmrc .node-version
    [ "$version" != system ] || return 0
    put NVM_DIR "$root"
    program=$(call_nvm which) || refuse node ". $root/nvm.sh && nvm install $version"
    put NVM_BIN "${program%/*}"
    prepend "$NVM_BIN"
}

# nvm is a function of sh.
call_nvm() (
    action=$1
    set -- --no-use # what nvm.sh reads
    # shellcheck disable=SC1091
    . "$NVM_DIR/nvm.sh" >/dev/null 2>&1
    nvm "$action" "$version" 2>/dev/null
)

use_fnm() {
    find_root fnm "$1" "$FNM_DIR" "${XDG_DATA_HOME:-$HOME/.local/share}/fnm" "$HOME/.fnm" /opt/fnm
    find_version "$2" "nodejs node" .nvmrc .node-version
    [ "$version" != system ] || return 0
    number=${version#v}
    found=$root/node-versions/v$number/installation
    if [ ! -d "$found" ]; then
        number=$(print_names "$root/node-versions" | print_newest v "$number")
        found=$root/node-versions/v$number/installation
        [ -n "$number" ] || found=$root/aliases/$(print_alias_of_fnm)
    fi
    [ -d "$found" ] || refuse node "FNM_DIR=$root $(print_program_of_fnm) install $version"
    put FNM_DIR "$root"
    prepend "$found/bin"
}

print_alias_of_fnm() {
    printf '%s\n' "$version" | tr '[:upper:]' '[:lower:]' | sed 's,^lts/,lts-,; s,^lts-\*$,lts-latest,'
}

print_program_of_fnm() {
    if [ -x "$root/fnm" ]; then
        echo "$root/fnm"
    else
        echo fnm
    fi
}

# The programs of asdf find their version by variables too, so that they work in every directory.
use_asdf() {
    find_root asdf "$1" "$ASDF_DATA_DIR" "$HOME/.asdf" /opt/asdf
    versions=$(print_all_tools "$2")
    [ -n "$versions" ] || fail "the release names no versions for asdf: $directory has no .tool-versions" \
        "Commit such a file, or set the option versions."
    put ASDF_DATA_DIR "$root"
    prepend "$root/bin"
    prepend "$root/shims"
    while read -r tool version _; do
        use_tool_of_asdf
    done <<EOF
$versions
EOF
}

use_tool_of_asdf() {
    case $version in
        system) ;;
        path:*) [ -d "${version#path:}" ] || fail "$tool: ${version#path:} (.tool-versions) does not exist" ;;
        *)
            origin=".tool-versions or the option versions"
            [ -d "$root/installs/$tool/$(printf '%s\n' "$version" | sed 's/^ref:/ref-/')" ] ||
                refuse "$tool" "ASDF_DATA_DIR=$root $(print_program asdf) install $tool $version"
            ;;
    esac
    put "ASDF_$(printf '%s\n' "$tool" | tr '[:lower:]-' '[:upper:]_')_VERSION" "$version"
}

# Print the tools with their versions: those of the option, and those of .tool-versions that the option does not name.
print_all_tools() {
    { printf '%s\n' "$1" && cat "$directory/.tool-versions" 2>/dev/null; } | tr -d '\r' | sed 's/#.*//' |
        awk 'NF > 1 && !seen[$1]++ { print $1, $2 }'
}

use_mise() {
    find_mise "$1"
    put MISE_TRUSTED_CONFIG_PATHS "$directory"
    while read -r tool version; do
        [ -z "$tool" ] || put "MISE_$(printf '%s\n' "$tool" | tr '[:lower:]-' '[:upper:]_')_VERSION" "$version"
    done <<EOF
$2
EOF
    missing=$(call_mise ls --current --missing) || fail "mise cannot read the versions of the release"
    if [ -n "$missing" ]; then
        tools=$(printf '%s\n' "$missing" | awk '{ printf "%s%s@%s", separator, $1, $2; separator = " " }')
        fail "$tools is not installed (mise). Install it:" "  doit cap exec '$mise install $tools' $stage"
    fi
    variables=$(call_mise env --shell bash) || fail "mise cannot read the versions of the release"
    eval "$variables"
    secret_names=$(printf '%s\n' "$variables" | sed -n 's/^export \([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p')
    names="$names $secret_names"
}

# Set $mise to the program. Argument: the directory of the option.
find_mise() {
    for mise in "${1:+$1/bin/mise}" "${1:+$1/mise}" "$(command -v mise)" "$HOME/.local/bin/mise" /usr/local/bin/mise; do
        if [ -n "$mise" ] && [ -x "$mise" ]; then
            return
        fi
    done
    fail "mise is not installed here" "If it is elsewhere, set the option directories: {mise: /path}."
}

# Without the network: what is installed decides.
call_mise() {
    MISE_OFFLINE=1 "$mise" --cd "$directory" "$@"
}

# Print "secret" for a variable of mise, which may come from a file .env, unless it is a directory or names an environment
# such as production. Arguments: its name, its value.
print_kind() {
    case $1 in
        PATH | MISE_* | *_ENV) echo open ;;
        *)
            if [ -d "$2" ] || ! printf '%s\n' "$secret_names" | grep -qx "$1"; then echo open; else echo secret; fi
            ;;
    esac
}

while [ "$#" != 0 ]; do
    manager=$1
    "use_$1" "$2" "$3"
    shift 3
done
# shellcheck disable=SC2086
for name in $(printf '%s\n' $names | sort -u); do
    value=
    eval "value=\$$name"
    printf '%s %s %s\n' "$(print_kind "$name" "$value")" "$name" "$(printf %s "$value" | base64 | tr -d '\n')"
done
