# shellcheck shell=sh
# Tells a running puma to restart, and waits until it has: until its pid file names a process that answers signals.
# Arguments: the pid file, the signal, seconds of patience.
pid_file=$1 signal=$2 patience=$3
if [ ! -s "$pid_file" ]; then
    echo "puma does not run: there is no $pid_file; start it, and the next release finds it" >&2
    exit 1
fi
kill "-$signal" "$(cat "$pid_file")" || {
    echo "puma of $pid_file does not run; start it, and the next release finds it" >&2
    exit 1
}
sleep 1
left=$patience
until [ -s "$pid_file" ] && kill -0 "$(cat "$pid_file")" 2>/dev/null; do
    left=$((left - 1))
    if [ "$left" -le 0 ]; then
        echo "puma has not come back after $patience s; its log says why" >&2
        exit 1
    fi
    sleep 1
done
