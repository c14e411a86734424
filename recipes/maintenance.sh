# shellcheck shell=sh
# Take the maintenance page down if a flow put it up. A page that an operator put up by hand stays.
# Arguments: the page; the mark of one flow, to take down the page of that flow only, or nothing for any flow.
page=$1
if [ "${2:-}" ] && [ ! -e "$page.$2" ]; then
    exit 0 # this flow put no page up
fi
for marked_page in "$page".by-deploy-* "$page".by-rollback-*; do
    # shellcheck disable=SC3013 # dash, bash and busybox have -ef
    if [ "$marked_page" -ef "$page" ]; then
        rm -f "$page" && echo "the maintenance page is down"
    fi
    rm -f "$marked_page"
done >&2
if [ -e "$page" ] || [ -h "$page" ]; then
    echo "the maintenance page $page was put up by hand and is not changed" >&2
fi
