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

# Remove a file of the reserve. Programs that wait for room on a full disk may take it at once, so the rest is kept.
give_up_reserve() {
    for part in .capdoit/reserve/*; do
        if [ -f "$part" ]; then
            rm -f "$part" 2>/dev/null
            return
        fi
    done
    return 1
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
