# shellcheck shell=sh
# Frees the lock by force. The holder's file is removed, so whoever comes takes a new one, and whatever
# the holder does next is refused: the lock it finds is not its own.
# shellcheck disable=SC2154
if [ -s .capdoit/lock ]; then
    cat .capdoit/lock
    rm -f .capdoit/lock
    journal "$entry"
fi
