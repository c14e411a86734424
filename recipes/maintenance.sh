# shellcheck shell=sh
# Takes the page down, if a flow put it up: what an operator put there stays. Arguments: the page.
if [ -e "$1.by-capdoit" ]; then
    rm -f "$1" "$1.by-capdoit" && echo "the maintenance page is down"
elif [ -e "$1" ]; then
    echo "the maintenance page $1 was put up by hand, and stays"
fi >&2
