# shellcheck shell=sh
# Takes the page down, if a flow put it up: what an operator put there stays.
# Arguments: the page; the mark of the flow whose page it is, or nothing for that of any.
page=$1
if [ "${2:-}" ] && [ ! -e "$page.$2" ]; then
    exit 0 # this flow has put up none
fi
for mark in "$page".by-deploy-* "$page".by-rollback-*; do
    # shellcheck disable=SC3013 # every sh that hosts have knows it
    if [ "$mark" -ef "$page" ]; then
        rm -f "$page" && echo "the maintenance page is down"
    fi
    rm -f "$mark"
done >&2
if [ -e "$page" ] || [ -h "$page" ]; then
    echo "the maintenance page $page was put up by hand, and stays" >&2
fi
