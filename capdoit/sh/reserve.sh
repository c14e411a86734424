# shellcheck shell=sh
# The reserve: small files in .capdoit/reserve, which a flow gives up where no byte or no inode is left. What must work on
# a full disk needs little: a rollback needs a symlink and some lines of text.

# Run a command. While it fails, give up a part of the reserve and run it again; the last error is shown.
try_with_reserve() {
    until "$@" 2>/dev/null; do
        give_up_reserve || {
            "$@"
            return
        }
    done
}

# Remove a file of the reserve. Programs that wait for room on a full disk may take it at once, so the rest is kept. A tree
# of an earlier version has no reserve: then remove what nobody needs any more.
give_up_reserve() {
    for spare in .capdoit/reserve/* .capdoit/manifests/[0-9]*; do
        if is_spare "$spare"; then
            rm -f "$spare" 2>/dev/null
            return
        fi
    done
    rmdir .capdoit/removed 2>/dev/null
}

# Check whether a file ($1) is of the reserve, or the manifest of a release that is gone.
is_spare() {
    [ -f "$1" ] || return 1
    case $1 in
        .capdoit/manifests/*) [ ! -e "releases/${1##*/}" ] && [ ! -e "rolled-back-release-${1##*/}.tar.gz" ] ;;
    esac
}

# Fill up the reserve. File systems that compress would need no room for zeros.
fill_reserve() {
    mkdir -p .capdoit/reserve || return
    for part in 1 2 3 4 5 6 7 8; do
        part=.capdoit/reserve/$part
        if [ -s "$part" ]; then continue; fi
        head -c 16384 /dev/urandom >"$part" || {
            rm -f "$part"
            return 1
        }
    done
}

has_reserve() {
    for part in .capdoit/reserve/*; do
        if [ -f "$part" ]; then return 0; fi
    done
    return 1
}

# Check whether a tree of an earlier version has enough that is given up instead of a reserve: three files for the lock,
# the directory of the new symlink and the symlink; or what a flow that died left, and a lock that needs no more room.
has_leftovers() {
    spares=0
    for spare in .capdoit/manifests/[0-9]*; do
        if is_spare "$spare"; then spares=$((spares + 1)); fi
    done
    if [ "$spares" -ge 3 ]; then return 0; fi
    [ -s .capdoit/lock ] && { [ -d .capdoit/drill ] || [ -d .capdoit/unpack ]; }
}
